// SPDX-License-Identifier: MIT
//
// Threads set and unset alarms as fast as they can, under a lock that the clock's thread takes as well, as
// Python's is: none rings once it is unset, and all that are awaited ring.
#include "core/base/alarm_clock.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

namespace winghorn {
namespace {

constexpr int kThreads = 3;
constexpr int kAlarms = 3'000;

struct Counted : Alarm {
  bool wanted = false;  // all under the outer lock
  bool rang = false;
};

class Everybody {
 public:
  void use_alarms(int seed) {
    for (int i = 0; i < kAlarms; ++i) {
      Counted alarm;
      set(alarm, now() + Nanos((i * 37 + seed) % 20'000));
      if (i % 2 == 0) await(alarm);
      unset(alarm);
    }
  }
  int unwanted() const { return unwanted_; }

 private:
  void set(Counted& alarm, Instant due) {
    const std::lock_guard lock(outer_);
    alarm.wanted = true;
    EXPECT_TRUE(clock_.set(alarm, due));
  }
  void await(Counted& alarm) {
    const Instant end = now() + Seconds(20);
    while (now() < end) {
      {
        const std::lock_guard lock(outer_);
        if (alarm.rang) return;
      }
      std::this_thread::yield();
    }
    ADD_FAILURE() << "it did not ring";
  }
  void unset(Counted& alarm) {
    const std::lock_guard lock(outer_);
    clock_.unset(alarm);
    alarm.wanted = false;
  }
  void ring() {
    const std::lock_guard lock(outer_);
    while (Alarm* const due = clock_.take_due(now())) {
      auto& alarm = static_cast<Counted&>(*due);
      if (!alarm.wanted) ++unwanted_;
      alarm.rang = true;
    }
  }

  std::mutex outer_;
  int unwanted_ = 0;
  AlarmClock clock_{[this] { ring(); }};
};

TEST(AlarmClockThreads, NoneRingsAfterItWasUnset) {
  Everybody everybody;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { everybody.use_alarms(i); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(everybody.unwanted(), 0);
}

}  // namespace
}  // namespace winghorn
