// SPDX-License-Identifier: MIT
#include "core/base/park.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <thread>
#include <vector>

namespace winghorn {
namespace {

TEST(Park, DoesNotSleepWhenTheWordHasMovedOn) {
  const std::atomic<std::uint32_t> word{2};
  EXPECT_EQ(wait_while(word, 1), Wake::Rung);
}

TEST(Park, SleepsNoLongerThanItsPatience) {
  const std::atomic<std::uint32_t> word{1};
  const Instant begun = now();
  EXPECT_EQ(wait_while(word, 1, Millis(5)), Wake::TimedOut);
  EXPECT_GE(now() - begun, Millis(5));
  EXPECT_EQ(wait_while(word, 1, Millis(-5)), Wake::TimedOut);
}

TEST(Park, IsWokenByARing) {
  std::atomic<std::uint32_t> word{0};
  std::thread sleeper([&] {
    while (word.load() == 0) wait_while(word, 0, Seconds(10));
  });
  word.store(1);
  ring_one(word);
  sleeper.join();
}

TEST(Park, RingsEverybody) {
  std::atomic<std::uint32_t> word{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back([&] {
      while (word.load() == 0) wait_while(word, 0, Seconds(10));
    });
  }
  word.store(1);
  ring_all(word);
  for (std::thread& sleeper : sleepers) sleeper.join();
}

TEST(Park, SaysThatASignalHandlerRan) {
  struct sigaction action{};
  action.sa_handler = [](int) {};  // without SA_RESTART
  struct sigaction before{};
  ::sigaction(SIGUSR2, &action, &before);
  std::atomic<std::uint32_t> word{0};
  std::atomic<bool> interrupted{false};
  std::thread sleeper([&] {
    while (!interrupted) {
      if (wait_while(word, 0, Seconds(10)) == Wake::Interrupted) interrupted = true;
    }
  });
  // A signal may come before the sleep has begun, so there is more than one.
  const Instant give_up = now() + Seconds(10);
  while (!interrupted && now() < give_up) {
    ::pthread_kill(sleeper.native_handle(), SIGUSR2);
    std::this_thread::yield();
  }
  EXPECT_TRUE(interrupted);
  sleeper.join();
  ::sigaction(SIGUSR2, &before, nullptr);
}

}  // namespace
}  // namespace winghorn
