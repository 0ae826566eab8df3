// SPDX-License-Identifier: MIT
#include "python/wsgi/call.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "core/http/error_page.h"
#include "python/wsgi/application.h"

namespace winghorn::wsgi {
namespace {

// A huge item goes out in blocks, so that the reply holds little more than
// Limits::reply_ahead_bytes.
constexpr std::size_t kBlock = std::size_t{256} * 1024;

// How long a thread that is not the request's own sleeps between looks.
constexpr std::chrono::milliseconds kGuestNap{2};

}  // namespace

void Call::begin(Exchange& exchange, Slot& slot, gil::SlotThread& thread) {
  ++serial_;
  exchange_ = &exchange;
  slot_ = &slot;
  thread_ = &thread;
  head_state_ = HeadState::Missing;
  ended_ = bodiless_ = surplus_ = socket_taken_ = must_close_ = false;
  status_ = 0;
  length_.reset();
  written_ = 0;
}

void Call::end() {
  if (!ended_) cut();
  exchange_ = nullptr;
}

void Call::give_head(ReplyHead head) {
  head_ = std::move(head);
  if (must_close_) head_.add("Connection", "close");
  head_state_ = HeadState::Given;
  status_ = head_.status();
  bodiless_ = head_is_bodiless();
  length_ = head_.content_length();
}

bool Call::head_is_bodiless() const {
  return status_ < 200 || status_ == 204 || status_ == 304 || exchange_->head.method == "HEAD";
}

void Call::send_head() {
  if (head_state_ == HeadState::Out) return;
  head_state_ = HeadState::Out;
  exchange_->reply.start(std::move(head_));
}

bool Call::write(const gil::Gil&, Bytes item) {
  if (item.empty()) return true;
  if (head_state_ == HeadState::Missing) {
    PyErr_SetString(PyExc_AssertionError,
                    "the application gave a body before it called start_response()");
    return false;
  }
  if (ended_ || gone()) return true;
  send_head();
  const std::uint64_t room = bodiless_ ? 0 : room_in_length();
  if (item.size() > room) {
    surplus_ = true;
    item = item.substr(0, room);
  }
  while (!item.empty()) {
    const Bytes block = item.substr(0, kBlock);
    exchange_->reply.write(block);
    written_ += block.size();
    item.remove_prefix(block.size());
    slot_->progress();
    if (!wait_for_room()) return PyErr_Occurred() == nullptr;
  }
  slot_->published(*exchange_);
  return true;
}

bool Call::wait_without_lock(bool (Exchange::*wait)(Slot&)) {
  bool undisturbed = true;
  without_lock([&] { undisturbed = (exchange_->*wait)(*slot_); });
  return undisturbed || PyErr_CheckSignals() == 0;
}

// False when nobody waits for the rest any more, or with a Python error set.
bool Call::wait_for_room() {
  const auto full = [this, request = serial_] {
    return serial() == request && !gone() &&
           exchange_->reply.ahead() > exchange_->limits().reply_ahead_bytes;
  };
  if (!full()) return !gone();
  if (on_own_thread()) {
    while (full()) {
      if (!wait_without_lock(&Exchange::await_room)) return false;
    }
    return !gone();
  }
  // A thread of the application's. It has no part in the engine's ways of waiting, and the request
  // may end meanwhile, so it looks again and again, each time with the lock.
  const std::uint64_t request = serial_;
  slot_->published(*exchange_);
  while (full()) {
    PyThreadState* const saved = PyEval_SaveThread();
    std::this_thread::sleep_for(kGuestNap);
    PyEval_RestoreThread(saved);
  }
  return serial() == request && !gone();
}

void Call::write_file(FilePart part) {
  if (ended_ || gone()) return;
  send_head();
  if (bodiless_ || part.length == 0) return;
  written_ += part.length;
  exchange_->reply.write_file(std::move(part));
}

bool Call::answer_at_once(const gil::Gil& gil, Bytes body) {
  if (head_state_ != HeadState::Given || ended_ || body.size() > kBlock) return false;
  if (bodiless_ ? !body.empty() : length_.value_or(body.size()) != body.size()) return false;
  (void)gil;
  head_state_ = HeadState::Out;
  ended_ = true;
  written_ = body.size();
  exchange_->reply.answer(std::move(head_), body);
  return true;
}

void Call::finish(const gil::Gil& gil) {
  if (ended_) return;
  const bool is_short = length_ && !bodiless_ && written_ < *length_;
  if (surplus_ || is_short) warn_about_body(gil);
  if (is_short) {
    send_head();
    cut();
    return;
  }
  ended_ = true;
  if (head_state_ == HeadState::Given) {
    head_state_ = HeadState::Out;
    exchange_->reply.answer(std::move(head_), {});
  } else {
    exchange_->reply.finish();
  }
}

void Call::cut() {
  ended_ = true;
  exchange_->reply.cut();
}

void Call::hang_up() {
  ended_ = true;
  exchange_->reply.hang_up();
}

void Call::inform(ReplyHead head) {
  exchange_->reply.inform(std::move(head));
  slot_->published(*exchange_);
}

void Call::answer_page(int status, Bytes reason, Bytes message) {
  if (ended_) return;
  ErrorPage page = make_error_page(status, reason, message);
  head_state_ = HeadState::Out;
  ended_ = true;
  exchange_->reply.answer(std::move(page.head), page.body);
}

void Call::warn(Bytes text) const {
  if (config_.reports.warning) config_.reports.warning(text);
}

void Call::warn_about_body(const gil::Gil&) const {
  const RequestHead& head = exchange_->head;
  if (bodiless_) {
    warn(fmt::format(
        "WSGI app sent body bytes on a no-body response (method={} status={}); dropping per "
        "RFC 9110.",
        head.method, status_));
  } else if (surplus_) {
    warn(fmt::format(
        "The application sent more than the {} bytes of its Content-Length for {} {}; the "
        "rest is dropped.",
        *length_, head.method, head.target));
  } else {
    warn(
        fmt::format("The application sent {} of the {} bytes of its Content-Length for {} {}; the "
                    "connection is closed.",
                    written_, *length_, head.method, head.target));
  }
}

}  // namespace winghorn::wsgi
