// SPDX-License-Identifier: MIT
#include "core/base/fence.h"

#include <gtest/gtest.h>

#include <thread>

namespace winghorn {
namespace {

// Store, fence, load on both sides: at least one of the two must see the other's store.
int rounds_in_which_neither_saw_the_other(int rounds) {
  std::atomic<int> often{0};
  std::atomic<int> seldom{0};
  std::atomic<int> turn{0};
  int seen_by_often = 0;
  int neither = 0;
  std::thread frequent([&] {
    for (int round = 1; round <= rounds; ++round) {
      while (turn.load() != 2 * round - 1) std::this_thread::yield();
      often.store(round, std::memory_order_relaxed);
      light_fence();
      seen_by_often = seldom.load(std::memory_order_relaxed);
      turn.store(2 * round);
    }
  });
  for (int round = 1; round <= rounds; ++round) {
    turn.store(2 * round - 1);
    seldom.store(round, std::memory_order_relaxed);
    heavy_fence();
    const int seen = often.load(std::memory_order_relaxed);
    while (turn.load() != 2 * round) std::this_thread::yield();
    if (seen != round && seen_by_often != round) ++neither;
  }
  frequent.join();
  return neither;
}

TEST(Fence, OneSideSeesTheOther) {
  register_fences();
  EXPECT_EQ(rounds_in_which_neither_saw_the_other(2000), 0);
}

TEST(Fence, AlsoWhereMembarrierIsRefused) {
  membarrier_works.store(false);
  EXPECT_EQ(rounds_in_which_neither_saw_the_other(2000), 0);
  register_fences();
}

}  // namespace
}  // namespace winghorn
