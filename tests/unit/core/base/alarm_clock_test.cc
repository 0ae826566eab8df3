// SPDX-License-Identifier: MIT
#include "core/base/alarm_clock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "core/base/park.h"

namespace winghorn {
namespace {

constexpr Nanos kSoon = Millis(2);
constexpr Nanos kLater = std::chrono::hours(1);
constexpr Nanos kPatience = Seconds(20);

// A clock whose alarms are taken as they ring.
struct Rung {
  std::atomic<std::uint32_t> count{0};
  std::atomic<Alarm*> last{nullptr};
  AlarmClock clock{[this] {
    while (Alarm* const alarm = clock.take_due(now())) {
      last = alarm;
      ++count;
      ring_all(count);
    }
  }};

  bool wait_for(std::uint32_t wanted) {
    const Instant end = now() + kPatience;
    for (std::uint32_t seen = count; seen < wanted && now() < end; seen = count) {
      wait_while(count, seen, end - now());
    }
    return count >= wanted;
  }
};

TEST(AlarmClock, RingsWhenTheMomentHasCome) {
  Rung rung;
  Alarm alarm;
  const Instant due = now() + kSoon;
  ASSERT_TRUE(rung.clock.set(alarm, due));
  ASSERT_TRUE(rung.wait_for(1));
  EXPECT_GE(now(), due);
  EXPECT_EQ(rung.last, &alarm);
}

TEST(AlarmClock, AnEarlierAlarmWakesIt) {
  Rung rung;
  Alarm late;
  Alarm soon;
  ASSERT_TRUE(rung.clock.set(late, now() + kLater));
  ASSERT_TRUE(rung.clock.set(soon, now() + kSoon));
  ASSERT_TRUE(rung.wait_for(1));
  EXPECT_EQ(rung.last, &soon);
  rung.clock.unset(late);
}

TEST(AlarmClock, OneThatIsMovedRingsOnce) {
  Rung rung;
  Alarm alarm;
  ASSERT_TRUE(rung.clock.set(alarm, now() + kLater));
  ASSERT_TRUE(rung.clock.set(alarm, now() + kSoon));
  ASSERT_TRUE(rung.wait_for(1));
  EXPECT_EQ(rung.clock.take_due(now() + 2 * kLater), nullptr);
}

TEST(AlarmClock, AStoppedOneRingsNoMore) {
  Rung rung;
  Alarm alarm;
  ASSERT_TRUE(rung.clock.set(alarm, now() + kLater));
  rung.clock.stop();
  ASSERT_TRUE(rung.clock.set(alarm, now() - kSoon));
  ASSERT_TRUE(rung.clock.resume());
  rung.clock.stop();
  EXPECT_EQ(rung.count, 0U);
  EXPECT_EQ(rung.clock.take_due(now()), &alarm);
}

TEST(AlarmClock, WhatIsUnsetIsNotTaken) {
  AlarmClock clock([] {});
  Alarm alarm;
  ASSERT_TRUE(clock.set(alarm, now() + kLater));
  clock.unset(alarm);
  clock.unset(alarm);
  EXPECT_EQ(clock.take_due(now() + 2 * kLater), nullptr);
}

TEST(AlarmClock, WhatIsDueIsTakenInItsOrder) {
  AlarmClock clock([] {});
  const Instant begin = now() + kLater;
  std::array<Alarm, 64> alarms;
  std::map<Alarm*, Instant> set;
  std::mt19937 random(1);
  for (int step = 0; step < 20'000; ++step) {
    Alarm& alarm = alarms.at(random() % alarms.size());
    if (random() % 3 == 0) {
      clock.unset(alarm);
      set.erase(&alarm);
    } else {
      const Instant due = begin + Nanos(random() % 1000);
      ASSERT_TRUE(clock.set(alarm, due));
      set[&alarm] = due;
    }
  }
  ASSERT_FALSE(set.empty());
  Instant last = begin;
  while (Alarm* const taken = clock.take_due(begin + Nanos(1000))) {
    EXPECT_GE(set.at(taken), last);
    last = set.at(taken);
    set.erase(taken);
  }
  EXPECT_TRUE(set.empty());
}

// In a forked child; its exit status says whether all was as it should be.
template <class Work>
int status_of_child(AlarmClock& clock, Work work) {
  clock.prepare_fork();
  const pid_t child = ::fork();
  if (child == 0) {
    clock.after_fork_in_child();
    ::_exit(work() ? 0 : 1);
  }
  clock.after_fork_in_parent();
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(AlarmClock, AForkedChildKeepsItsThreadsAlarmsAndSetsOthers) {
  Rung rung;
  Alarm mine;
  Alarm anothers;
  ASSERT_TRUE(rung.clock.set(mine, now() + kLater));
  std::thread([&] { ASSERT_TRUE(rung.clock.set(anothers, now() + kLater)); }).join();
  const int status = status_of_child(rung.clock, [&] {
    Alarm childs;
    const bool rang = rung.clock.set(childs, now() + kSoon).ok() && rung.wait_for(1);
    const bool kept = rung.clock.take_due(now() + 2 * kLater) == &mine;
    return rang && kept && rung.clock.take_due(now() + 2 * kLater) == nullptr;
  });
  EXPECT_EQ(status, 0);
  rung.clock.unset(mine);
  rung.clock.unset(anothers);
}

TEST(AlarmClock, WhatAForkedChildInheritedRingsThereOnceItIsResumed) {
  Rung rung;
  Alarm alarm;
  ASSERT_TRUE(rung.clock.set(alarm, now() + Millis(100)));
  const int status = status_of_child(rung.clock, [&] {
    return rung.clock.resume().ok() && rung.wait_for(1) && rung.last == &alarm;
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(rung.wait_for(1));
}

}  // namespace
}  // namespace winghorn
