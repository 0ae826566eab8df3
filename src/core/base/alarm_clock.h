// alarm_clock.h: a thread that sleeps until the first of many moments has come, and then says so.
//
// Any thread sets and unsets alarms, at the price of an uncontended lock and a few steps in a heap: the
// clock's thread is woken only for a moment that is earlier than the one it sleeps for. The first alarm
// starts it.
// When alarms are due it calls `ring`, which takes them away with take_due(). That call is made outside the
// clock's own lock, so it may first take another one, under which its callers set and unset their alarms:
// then an alarm that was unset is not taken, and one that was taken is still there.
// fork(): prepare_fork() before it, then after_fork_in_parent() or after_fork_in_child(). A child keeps
// the alarms that the forking thread had set and no others, and has no clock thread until resume().
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace winghorn {

// Lies where it is while it is set. All but the clock leave it alone.
class Alarm {
 public:
  Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm();

 private:
  friend class AlarmClock;
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  bool is_set() const { return place_ != kNowhere; }

  Instant due_;
  std::size_t place_ = kNowhere;  // in the clock's heap
  std::thread::id setter_;
};

class AlarmClock {
 public:
  explicit AlarmClock(std::function<void()> ring) : ring_(std::move(ring)) {}
  ~AlarmClock() { stop(); }
  AlarmClock(const AlarmClock&) = delete;
  AlarmClock& operator=(const AlarmClock&) = delete;

  // One that is set already is moved. Failure: the system has no thread to give; nothing is set.
  Status set(Alarm& alarm, Instant due);
  // For `ring`, with one that it took: it stays that thread's which had set it first.
  void set_again(Alarm& alarm, Instant due);
  void unset(Alarm& alarm);
  // The earliest that is due, which is unset by this; null: none is.
  Alarm* take_due(Instant now);

  // Ends the thread and waits for it. Alarms stay as they are, none rings any more.
  void stop();

  void prepare_fork() { mutex_.lock(); }
  void after_fork_in_parent() { mutex_.unlock(); }
  void after_fork_in_child();
  // Starts the thread if there are alarms and it is not there.
  Status resume();

 private:
  void run();
  // Under the lock:
  Status start();
  bool put(Alarm& alarm, Instant due);
  void remove(Alarm& alarm);
  void move_up(Alarm& alarm, std::size_t place);
  void move_down(Alarm& alarm, std::size_t place);
  void lay(Alarm& alarm, std::size_t place);

  const std::function<void()> ring_;
  std::mutex mutex_;
  std::vector<Alarm*> heap_;         // each due no later than its children, at 2i + 1 and 2i + 2
  Instant sleeps_until_ = kForEver;  // at the latest; what is earlier wakes it
  bool stopped_ = false;
  std::unique_ptr<std::thread> thread_;
  std::atomic<std::uint32_t> bell_{0};

  static constexpr Instant kForEver = Instant::max();
};

}  // namespace winghorn
