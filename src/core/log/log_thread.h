// log_thread.h: the worker's thread that writes out what its ring holds.
//
// It sleeps on a futex. A producer wakes it only when it sleeps; after a batch it rests for a few
// milliseconds before it sleeps, so that under load one wake-up and one write serve many lines. While it runs,
// sinks and the ring's consumer side are its own.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/clock.h"
#include "core/log/ring_writer.h"

namespace winghorn::log {

class LogThread {
 public:
  // `producers` guards the ring's producer side.
  LogThread(RingWriter& writer, Outlets& outlets, std::mutex& producers)
      : writer_(writer), outlets_(outlets), producers_(producers) {}
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  // The system has no thread to give: a Failure.
  Status start();
  // Empties the ring for at most so long. False: it is stuck in a write and was left to itself; then this
  // object, the ring and the sinks must stay as they are until the process ends.
  bool stop(Millis patience);

  // Under the producers' lock, after an append. True: call ring() once the lock is let go.
  bool must_ring();
  void ring();
  // Not under the producers' lock.
  void ask_to_reopen();

 private:
  enum class Rest : std::uint8_t { None, Short, Long };

  void run();
  bool past_its_time(Instant moment) const;
  void wait_for_room();
  void rest(Rest kind, std::optional<Nanos> patience);
  void wake();

  RingWriter& writer_;
  Outlets& outlets_;
  std::mutex& producers_;
  std::thread thread_;
  bool sink_was_ready_ = false;
  Rest rest_ = Rest::None;  // under the producers' lock
  std::atomic<std::uint32_t> bell_{0};
  std::atomic<std::uint32_t> finished_{0};
  std::atomic<bool> reopen_asked_{false};
  std::atomic<std::uint64_t> stop_at_{0};  // to_word of when patience ends, 0: not asked to stop
};

// Both sinks; what fails is said in the errors sink.
void reopen_both(Outlets& outlets);

}  // namespace winghorn::log
