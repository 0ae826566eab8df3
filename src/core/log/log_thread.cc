// SPDX-License-Identifier: MIT
#include "core/log/log_thread.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/base/native_thread.h"
#include "core/base/park.h"
#include "core/log/record.h"

namespace winghorn::log {
namespace {

constexpr Millis kShortRest(5);
constexpr Millis kLookAgain(100);      // at a busy sink, and for a stop
constexpr Millis kGraceToReturn(200);  // after its patience, for a thread that is not stuck
constexpr std::size_t kWorthWaking = LogRing::kCapacity / 2;

}  // namespace

void reopen_both(Outlets& outlets) {
  for (Sink* sink : {&outlets.errors, &outlets.access}) {
    const Status opened = sink->reopen();
    if (!opened) outlets.errors.write(record_of(Level::Error, opened.error().text()));
  }
}

Status LogThread::start() {
  stop_at_.store(0);
  finished_.store(0);
  rest_ = Rest::None;
  Result<std::thread> started = start_native_thread("start the log thread", [this] { run(); });
  if (!started) return started.error();
  thread_ = std::move(started).value();
  return Nothing{};
}

bool LogThread::stop(Millis patience) {
  const Instant end = now() + patience;
  stop_at_.store(std::max<std::uint64_t>(to_word(end), 1));
  wake();
  while (finished_.load(std::memory_order_acquire) == 0) {
    const Nanos left = end + kGraceToReturn - now();
    if (left <= Nanos(0)) {
      thread_.detach();
      return false;
    }
    wait_while(finished_, 0, left);
  }
  thread_.join();
  return true;
}

bool LogThread::must_ring() {
  const bool needed =
      rest_ == Rest::Long || (rest_ == Rest::Short && writer_.ring().used() > kWorthWaking);
  if (!needed) return false;
  rest_ = Rest::None;
  bell_.fetch_add(1, std::memory_order_release);
  return true;
}

void LogThread::ring() { ring_one(bell_); }

void LogThread::ask_to_reopen() {
  reopen_asked_.store(true, std::memory_order_release);
  wake();
}

void LogThread::wake() {
  {
    const std::lock_guard lock(producers_);
    bell_.fetch_add(1, std::memory_order_release);
  }
  ring();
}

void LogThread::run() {
  ::pthread_setname_np(::pthread_self(), "winghorn-log");
  bool rested = false;
  for (;;) {
    if (reopen_asked_.exchange(false, std::memory_order_acquire)) reopen_both(outlets_);
    // Before the look at the ring: what was appended before the stop is then there to be seen.
    const bool must_stop = stop_at_.load() != 0;
    const RingWriter::Step step = writer_.step();
    const Instant moment = now();
    if (past_its_time(moment)) break;
    if (step == RingWriter::Step::Blocked) {
      wait_for_room();
      continue;
    }
    writer_.report_drops(moment);
    if (step == RingWriter::Step::Wrote) {
      rested = false;
      sink_was_ready_ = false;
    } else if (must_stop) {
      break;
    } else if (!rested) {
      rest(Rest::Short, kShortRest);
      rested = true;
    } else {
      rest(Rest::Long, writer_.owes_report() ? std::optional<Nanos>(Seconds(1)) : std::nullopt);
    }
  }
  finished_.store(1, std::memory_order_release);
  ring_all(finished_);
}

bool LogThread::past_its_time(Instant moment) const {
  const std::uint64_t stop_at = stop_at_.load();
  return stop_at != 0 && moment >= from_word(stop_at);
}

void LogThread::wait_for_room() {
  // A sink that called itself ready and then took nothing must not keep a processor busy.
  if (sink_was_ready_) wait_while(bell_, bell_.load(), kShortRest);
  sink_was_ready_ = writer_.wait_for_room(kLookAgain);
}

void LogThread::rest(Rest kind, std::optional<Nanos> patience) {
  std::uint32_t seen = 0;
  {
    const std::lock_guard lock(producers_);
    if (stop_at_.load() != 0 || reopen_asked_.load()) return;
    if (writer_.ring().used() > (kind == Rest::Long ? 0 : kWorthWaking)) return;
    seen = bell_.load();
    rest_ = kind;
  }
  wait_while(bell_, seen, patience);
  const std::lock_guard lock(producers_);
  rest_ = Rest::None;
}

}  // namespace winghorn::log
