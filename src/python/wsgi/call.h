// call.h: one request while the application has it.
//
// What Python objects (start_response, write, wsgi.input, …) do ends up here, and here in the
// exchange. Rules of a reply that no application may break are kept here: a head before a body,
// never more bytes than Content-Length, no body where there is none, blocks instead of copies of
// huge items. A kit has one Call and uses it again for each request; objects hold a pointer to it
// only while the request runs. All but the waits happen with the interpreter lock held.
//
//   begin() -> [give_head() -> write()... -> finish() | cut() | answer_page()] -> end()
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "core/http/exchange.h"
#include "python/gil/forked_child.h"
#include "python/gil/ref.h"
#include "python/gil/slot_thread.h"

namespace winghorn::wsgi {

struct WsgiConfig;

enum class HeadState : std::uint8_t {
  Missing,  // start_response has not been called
  Given,    // called; nothing has been sent, so it may still be replaced
  Out,      // nothing but the rest of the body can follow
};

class Call {
 public:
  explicit Call(const WsgiConfig& config) : config_(config) {}

  void begin(Exchange& exchange, Slot& slot, gil::SlotThread& thread);
  void end();  // the reply ends here, if it has not yet

  Exchange& exchange() const { return *exchange_; }
  Slot& slot() const { return *slot_; }
  const WsgiConfig& config() const { return config_; }
  HeadState head_state() const { return head_state_; }
  // Whether an application that reads or writes is on the thread that it was called on.
  bool on_own_thread() const { return gil::SlotThread::current() == thread_; }
  // Nobody will get the reply any more.
  bool gone() const { return exchange_->reply.discarded() || gil::in_forked_child(); }
  // Its client has been answered without it, because its time is over.
  bool overdue() const { return exchange_->deadline.has_passed(); }
  // Which request this is; 0 between two. Whoever has let go of the lock on another thread than the
  // request's own looks whether it is still the same one.
  std::uint64_t serial() const { return exchange_ == nullptr ? 0 : serial_; }
  // The application has the client's socket itself; what it answers there is its own business.
  void note_socket_taken() { socket_taken_ = true; }
  bool socket_taken() const { return socket_taken_; }

  // What start_response was given, for after(): kept only where somebody asks for it.
  void note_head_objects(PyObject* status, PyObject* headers) {
    status_object_ = gil::Ref::share(status);
    headers_object_ = gil::Ref::share(headers);
  }
  void forget_head_objects() {
    status_object_.reset();
    headers_object_.reset();
  }
  // A hook wants the connection closed behind the answer.
  void set_must_close(bool must_close) { must_close_ = must_close; }
  PyObject* status_object() const { return status_object_.get(); }
  PyObject* headers_object() const { return headers_object_.get(); }
  std::uint64_t written() const { return written_; }

  // The head, replacing one that has not been sent.
  void give_head(ReplyHead head);
  // One item of the body. False when there is no head: a Python error is set. May wait for room.
  bool write(const gil::Gil& gil, Bytes item);
  void write_file(FilePart part);
  // One item that is the whole body, if it can go out in one step.
  bool answer_at_once(const gil::Gil& gil, Bytes body);
  void finish(const gil::Gil& gil);
  void cut();
  void hang_up();  // the application has answered on the socket that it took
  void inform(ReplyHead head);
  // The server's own page instead of the application's answer; only while the head is not out.
  void answer_page(int status, Bytes reason, Bytes message);

  bool head_is_bodiless() const;
  // What Content-Length still lets through; all there is when there is none.
  std::uint64_t room_in_length() const { return length_ ? *length_ - written_ : ~std::uint64_t{0}; }

  // Runs `work` without the interpreter lock, on the request's own thread.
  template <class Work>
  void without_lock(Work work) {
    thread_->let_go();
    work();
    slot_->wants_interpreter(true);
    thread_->take();
    slot_->wants_interpreter(false);
  }
  // Likewise one of the exchange's waits. False: a signal came meanwhile, and the application's handler
  // of it raised (PEP 475): that exception is set.
  bool wait_without_lock(bool (Exchange::*wait)(Slot&));

  void warn(Bytes text) const;

 private:
  void send_head();
  bool wait_for_room();
  void warn_about_body(const gil::Gil& gil) const;

  const WsgiConfig& config_;
  std::uint64_t serial_ = 0;
  Exchange* exchange_ = nullptr;
  Slot* slot_ = nullptr;
  gil::SlotThread* thread_ = nullptr;
  ReplyHead head_;
  gil::Ref status_object_;
  gil::Ref headers_object_;
  HeadState head_state_ = HeadState::Missing;
  bool ended_ = false;
  bool bodiless_ = false;
  bool surplus_ = false;  // the application gave bytes that nobody may get
  bool socket_taken_ = false;
  bool must_close_ = false;
  int status_ = 0;
  std::optional<std::uint64_t> length_;
  std::uint64_t written_ = 0;
};

}  // namespace winghorn::wsgi
