// wsgi_fixture.h: an interpreter, a hand-made exchange, and a slot whose waits the test plays.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/http/exchange.h"
#include "python/gil/error_text.h"
#include "python/gil/slot_thread.h"
#include "python/wsgi/application.h"
#include "python/wsgi/types.h"
#include "support/limits.h"

namespace winghorn::wsgi {

// One interpreter for the program: CPython's own modules do not survive a second one.
inline void start_interpreter() {
  static const bool started = [] {
    Py_InitializeEx(0);
    if (!set_up(gil::Gil::held())) PyErr_Print();
    PyObject* const module = PyModule_New("winghorn.exceptions");
    make_exceptions(gil::Gil::held(), module);
    PyDict_SetItemString(PyImport_GetModuleDict(), "winghorn.exceptions", module);
    Py_XDECREF(module);
    return true;
  }();
  (void)started;
}

struct FakeSlot final : Slot {
  std::function<void()> when_waiting;  // what the client and the loop do meanwhile
  std::function<void(Exchange&)> when_published;
  int waits = 0, publications = 0, steps = 0, wants = 0;

  void put_loop_down() override {
    EXPECT_FALSE(PyGILState_Check()) << "a wait with the interpreter lock held";
    ++waits;
    if (when_waiting) when_waiting();
  }
  void taken_up() override {}
  void published(Exchange& exchange) override {
    ++publications;
    if (when_published) when_published(exchange);
  }
  void progress() override { ++steps; }
  void wants_interpreter(bool waiting) override { wants += waiting ? 1 : -1; }
  unsigned number() const override { return which; }
  unsigned which = 0;
};

// What a client of the fake engine has got.
struct Answer {
  int status = 0;
  std::string reason;
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<std::uint64_t> length;
  bool error_page = false;
  bool asks_close = false;
  std::string body;
  std::vector<std::size_t> pieces;
  std::vector<ReplyHead> informational;
  bool wants_continue = false;
  int file_pieces = 0;
  ReplyEnd end = ReplyEnd::Open;

  std::string field(const std::string& name) const {
    for (const auto& [key, value] : fields) {
      if (key == name) return value;
    }
    return "(none)";
  }
};

class WsgiTest : public testing::Test {
 protected:
  WsgiTest() {
    start_interpreter();
    thread = std::make_unique<gil::SlotThread>();
    config.server_software = "winghorn/test";
    config.slots = 8;
    config.reports.error = [this](Bytes text) { errors.emplace_back(text); };
    config.reports.warning = [this](Bytes text) { warnings.emplace_back(text); };
    config.reports.debug = [this](Bytes text) { debugs.emplace_back(text); };
    config.reports.errors_stream = [this](Bytes text) { stream += text; };
    config.reports.errors_flushed = [this] { flushed.push_back(stream); };
    connection.peer_address = "192.0.2.7";
    connection.peer_port = "5000";
    connection.local_address = "127.0.0.1";
    connection.local_port = "8000";
    limits.body_memory_bytes = 1024 * 1024;
    renew();
  }

  ~WsgiTest() override {
    gil();
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    EXPECT_EQ(slot.wants, 0);
    app.reset();
    names.reset();
    thread.reset();
  }

  const gil::Gil& gil() { return thread->take(); }

  // Runs `source` as a module; its `app` becomes the application.
  void load(const std::string& source) {
    gil();
    app.reset();
    names = gil::Ref::steal(PyDict_New());
    PyDict_SetItemString(names.get(), "__builtins__", PyEval_GetBuiltins());
    const gil::Ref done =
        gil::Ref::steal(PyRun_String(source.c_str(), Py_file_input, names.get(), names.get()));
    if (!done) PyErr_Print();
    ASSERT_TRUE(done);
    config.callable = PyDict_GetItemString(names.get(), "app");
    ASSERT_NE(config.callable, nullptr);
    app = std::make_unique<WsgiApplication>(gil(), config);
  }

  // The value of an expression in the module, as text.
  std::string value(const std::string& expression) {
    gil();
    const gil::Ref result =
        gil::Ref::steal(PyRun_String(expression.c_str(), Py_eval_input, names.get(), names.get()));
    if (!result) {
      PyErr_Print();
      return "(error)";
    }
    return gil::text_of(gil(), result.get());
  }

  // A fresh exchange with the head of a GET; tests change it before run().
  Exchange& renew() {
    exchange = std::make_unique<Exchange>(limits, spill);
    exchange->reset(++last_id, connection);
    RequestHead& head = exchange->head;
    head.method = "GET";
    head.target = head.path = "/";
    head.version = "HTTP/1.1";
    head.scheme = "http";
    head.fields = {{"Host", "example.org"}};
    exchange->body.end(BodyState::Complete);
    answer = Answer();
    return *exchange;
  }

  // A body that has arrived so far; give `state` Open and slot.when_waiting for what follows.
  void with_body(Bytes bytes, BodyState state = BodyState::Complete, bool length_known = true) {
    RequestHead& head = exchange->head;
    head.method = "POST";
    if (length_known) {
      head.content_length = bytes.size();
    } else {
      head.length_unknown = true;
    }
    exchange->body.reset(limits, spill);
    if (!bytes.empty() && !exchange->body.put(bytes).ok()) ADD_FAILURE() << "no room for the body";
    if (state != BodyState::Open) exchange->body.end(state, "broken chunk");
  }

  void collect() {
    ReplyParts parts;
    if (!exchange->reply.collect(parts)) return;
    if (parts.wants_continue) answer.wants_continue = true;
    for (ReplyHead& head : parts.informational) answer.informational.push_back(std::move(head));
    if (parts.head) take_head(*parts.head);
    for (const Piece& piece : parts.pieces) take_piece(piece);
    if (parts.end != ReplyEnd::Open) answer.end = parts.end;
  }

  void take_head(const ReplyHead& head) {
    answer.status = head.status();
    answer.reason = head.reason();
    answer.length = head.content_length();
    answer.error_page = head.is_error_page();
    answer.asks_close = head.asks_close();
    head.each_field([this](const Field& field) {
      answer.fields.emplace_back(std::string(field.name), std::string(field.value));
    });
  }

  void take_piece(const Piece& piece) {
    answer.pieces.push_back(piece.size());
    if (!piece.is_file()) {
      answer.body += piece.bytes;
      exchange->reply.sent(piece.bytes.size());
      return;
    }
    ++answer.file_pieces;
    std::string bytes(piece.file.length, '\0');
    const ssize_t got = ::pread(piece.file.file.get(), bytes.data(), bytes.size(),
                                static_cast<off_t>(piece.file.offset));
    answer.body += bytes.substr(0, got < 0 ? 0 : static_cast<std::size_t>(got));
  }

  const Answer& run() {
    app->run(*exchange, slot);
    EXPECT_TRUE(PyGILState_Check()) << "the lock is kept for the next request";
    EXPECT_EQ(PyErr_Occurred(), nullptr);
    EXPECT_TRUE(exchange->reply.ended());
    collect();
    return answer;
  }

  const Answer& get(const std::string& source) {
    load(source);
    return run();
  }

  void expect_500() {
    EXPECT_EQ(answer.status, 500);
    EXPECT_TRUE(answer.error_page);
    EXPECT_EQ(answer.end, ReplyEnd::Finished);
  }

  // The one ERROR that was logged.
  std::string error() const { return errors.size() == 1 ? errors[0] : "(not one error)"; }

  Limits limits = wide_limits();
  SpillPlace spill{"/tmp"};
  ConnectionInfo connection;
  FakeSlot slot;
  std::unique_ptr<gil::SlotThread> thread;
  WsgiConfig config;
  gil::Ref names;
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<WsgiApplication> app;
  Answer answer;
  std::vector<std::string> errors, warnings, debugs;
  std::string stream;
  std::vector<std::string> flushed;  // what had been written to it when it was flushed
  std::uint64_t last_id = 0;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

#define EXPECT_CONTAINS(text, part) EXPECT_PRED2(::winghorn::wsgi::contains, text, part)

}  // namespace winghorn::wsgi
