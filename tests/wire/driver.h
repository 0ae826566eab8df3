// driver.h: plays the engine's and the application's part around an http1::Session, without a socket.
//
// Bytes go in as they are cut; what the application saw, what was refused and what the peer got back are
// collected as text. Used by the wire tables and by the fuzz target.
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http/error_page.h"
#include "core/http1/session.h"
#include "core/uwsgi/packet.h"
#include "support/limits.h"

namespace winghorn::wire {

struct Terms {
  Limits limits = wide_limits();
  Strictness strictness;
  HeaderPolicy policy;
  bool keepalive = true;
  bool trusted_peer = false;
  bool uwsgi = false;        // packets come instead of HTTP's heads
  bool show_fields = false;  // each field and variable of a request becomes an event
  bool handed_over =
      false;  // each request that can be is taken up by another session before it runs
  // Answers a request whose body has ended; the default says 200 with the body's length.
  std::function<void(Exchange&, const std::string& body)> application;
  // Called when the request is handed out, before its body is read; true: it has answered by itself.
  std::function<bool(Exchange&)> eager;
};

inline const char* name_of(BodyState state) {
  switch (state) {
    case BodyState::Open:
      return "Open";
    case BodyState::Complete:
      return "Complete";
    case BodyState::Truncated:
      return "Truncated";
    case BodyState::Malformed:
      return "Malformed";
    case BodyState::TooSlow:
      return "TooSlow";
    case BodyState::TooLarge:
      return "TooLarge";
    case BodyState::NoSpace:
      return "NoSpace";
    case BodyState::Overdue:
      return "Overdue";
  }
  return "?";
}

// A slot without a loop, and with nobody to tell.
struct QuietSlot final : Slot {
  void put_loop_down() override {}
  void taken_up() override {}
  void published(Exchange&) override {}
  void progress() override {}
  void wants_interpreter(bool) override {}
  unsigned number() const override { return 0; }
};

inline std::time_t fixed_wall_clock() { return 784111777; }  // Sun, 06 Nov 1994 08:49:37 GMT

class Driver {
 public:
  explicit Driver(const Terms& terms)
      : terms_(terms),
        config_{terms_.limits, terms_.strictness, terms_.policy,
                "winghorn",    terms_.keepalive,  DateLine(fixed_wall_clock)},
        pool_(terms_.limits, SpillPlace{}),
        connection_(make_connection(terms)),
        session_(std::make_unique<http1::Session>(config_, connection_, pool_, heads())) {}
  ~Driver() {
    session_.reset();
    if (running_ != nullptr) pool_.close(running_);
  }

  std::vector<std::string> events;
  std::string output;
  std::uint64_t body_bytes_logged = 0;
  unsigned passed_on = 0;
  std::uint64_t ahead_at_end = 0;  // of all finished replies: 0, or the accounts are wrong
  bool ran_behind_refusal = false;
  bool closed = false;

  http1::Session& session() { return *session_; }
  Exchange* running() { return running_; }
  bool busy() const { return running_ != nullptr || pool_.in_use() > 0; }

  void feed(Bytes bytes) {
    if (!closed) turn(session_->consume(bytes));
  }
  void end_input() {
    if (!closed) turn(session_->input_ended());
  }
  void expire(Patience which) {
    if (!closed) turn(session_->expired(which));
  }
  void drain() {
    if (!closed) turn(session_->drain());
  }
  void forget_session() { session_.reset(); }
  // Lets the application read what has come, then moves what there is to move.
  void pump() {
    if (!closed) turn(Verdict::KeepGoing);
  }

 private:
  static ConnectionInfo make_connection(const Terms& terms) {
    ConnectionInfo info;
    info.peer_address = "192.0.2.1";
    info.peer_port = "4000";
    info.trusted_forwarder = terms.trusted_peer;
    return info;
  }

  const HeadFormat* heads() const { return terms_.uwsgi ? &packets_ : nullptr; }

  void turn(Verdict verdict) {
    while (verdict == Verdict::KeepGoing && !closed) {
      Exchange* next = session_->next_request();
      if (next != nullptr && terms_.handed_over) next = pass_on(*next, verdict);
      if (next != nullptr) hand_out(*next);
      if (running_ != nullptr) verdict = step(*running_);
      flush();
      if (verdict != Verdict::KeepGoing) break;
      if (take_finished()) {
        verdict = session_->proceed();
        continue;
      }
      if (running_ != nullptr && running_->body.was_full()) {
        verdict = session_->proceed();
        continue;
      }
      return;
    }
    if (verdict == Verdict::FlushThenClose || verdict == Verdict::FlushThenReset) {
      flush();
      take_finished();
    }
    closed = closed || verdict != Verdict::KeepGoing;
  }

  // As engine/handover does, without the way between.
  Exchange* pass_on(Exchange& exchange, Verdict& verdict) {
    const std::optional<UnbegunRequest> request = session_->unbegun();
    if (!request) return &exchange;
    auto other = std::make_unique<http1::Session>(config_, connection_, pool_, heads());
    Fd file(request->body.file < 0 ? -1 : ::dup(request->body.file));
    verdict = other->take_up(*request, std::move(file));
    session_ = std::move(other);
    pool_.close(&exchange);
    ++passed_on;
    return session_->next_request();
  }

  void hand_out(Exchange& exchange) {
    running_ = &exchange;
    ran_behind_refusal = ran_behind_refusal || refused_;
    body_.clear();
    answered_ = terms_.eager && terms_.eager(exchange);
  }

  Verdict step(Exchange& exchange) {
    if (answered_) return session_->collect(exchange);
    std::string block(4096, '\0');
    while (const std::size_t count = exchange.body.take(block.data(), block.size())) {
      body_.append(block, 0, count);
    }
    if (exchange.body.state() == BodyState::Open) {
      exchange.ask_for_body(slot_);
      return session_->collect(exchange);
    }
    answered_ = true;
    note_request(exchange);
    answer(exchange);
    return session_->collect(exchange);
  }

  void note_request(Exchange& exchange) {
    const RequestHead& head = exchange.head;
    std::string event(head.method);
    event.append(1, ' ').append(head.target);
    if (!body_.empty()) event.append(1, ' ').append(body_);
    const BodyState state = exchange.body.state();
    if (state != BodyState::Complete) {
      event.append(" !").append(name_of(state)).append(": ").append(exchange.body.fault());
    }
    events.push_back(std::move(event));
    if (!terms_.show_fields) return;
    events.push_back(std::string(head.scheme)
                         .append(1, ' ')
                         .append(head.version)
                         .append(1, ' ')
                         .append(head.path)
                         .append(" ? ")
                         .append(head.query));
    for (const Field& field : head.fields) {
      events.push_back(std::string(field.name).append(": ").append(field.value));
    }
    for (const Field& variable : head.variables) {
      events.push_back(std::string(variable.name).append("=").append(variable.value));
    }
  }

  void answer(Exchange& exchange) {
    if (exchange.body.state() != BodyState::Complete) {
      ErrorPage page = make_error_page(400, "Bad Request", exchange.body.fault());
      exchange.reply.answer(std::move(page.head), page.body);
    } else if (terms_.application) {
      terms_.application(exchange, body_);
    } else {
      ReplyHead head;
      head.set_status(200, "OK");
      exchange.reply.answer(std::move(head), std::to_string(body_.size()));
    }
  }

  void flush() {
    for (Outgoing out = session_->unsent(); !out.empty(); out = session_->unsent()) {
      std::uint64_t count = 0;
      for (const iovec& part : out.bytes) {
        output.append(static_cast<const char*>(part.iov_base), part.iov_len);
        count += part.iov_len;
      }
      if (out.bytes.empty()) count = flush_file(*out.file);
      // A peer takes it in odd portions.
      const std::uint64_t taken = std::max<std::uint64_t>(1, count * 2 / 3);
      output.resize(output.size() - static_cast<std::size_t>(count - taken));
      session_->sent(taken);
    }
  }

  std::uint64_t flush_file(const FilePart& part) {
    std::string block(static_cast<std::size_t>(std::min<std::uint64_t>(part.length, 4096)), '\0');
    const ssize_t got =
        ::pread(part.file.get(), block.data(), block.size(), static_cast<off_t>(part.offset));
    output.append(block, 0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return static_cast<std::uint64_t>(std::max<ssize_t>(got, 0));
  }

  bool take_finished() {
    Exchange* done = session_->finished();
    if (done == nullptr) return false;
    const auto& notes = done->notes;
    if (!notes.refusal.empty()) {
      refused_ = true;
      events.push_back(std::to_string(notes.reply_status) + " " + notes.refusal);
    }
    body_bytes_logged += notes.reply_bytes;
    if (running_ == done) running_ = nullptr;
    ahead_at_end += done->reply.ahead();
    pool_.close(done);
    return true;
  }

  Terms terms_;
  http1::SessionConfig config_;
  ExchangePool pool_;
  ConnectionInfo connection_;
  uwsgi::PacketFormat packets_{terms_.limits, terms_.strictness};
  std::unique_ptr<http1::Session> session_;
  QuietSlot slot_;
  Exchange* running_ = nullptr;
  bool answered_ = false;
  bool refused_ = false;
  std::string body_;
};

}  // namespace winghorn::wire
