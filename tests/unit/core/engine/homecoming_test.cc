// SPDX-License-Identifier: MIT
#include "core/engine/homecoming.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/limits.h"

namespace winghorn {
namespace {

bool readable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

class HomecomingTest : public ::testing::Test {
 protected:
  std::vector<std::pair<Exchange*, bool>> drain() {
    std::vector<std::pair<Exchange*, bool>> came;
    home_.drain([&came](Exchange& exchange, bool done) { came.emplace_back(&exchange, done); });
    return came;
  }
  using Came = std::vector<std::pair<Exchange*, bool>>;

  Limits limits_ = wide_limits();
  SpillPlace spill_;
  Homecoming home_{std::move(WakeSignal::create()).value()};
  Exchange one_{limits_, spill_};
  Exchange other_{limits_, spill_};
};

TEST_F(HomecomingTest, RingsAndHandsOverInOrder) {
  EXPECT_FALSE(readable(home_.fd()));
  home_.publish(one_);
  home_.done(other_);
  EXPECT_TRUE(home_.waiting());
  EXPECT_TRUE(readable(home_.fd()));
  EXPECT_EQ(drain(), (Came{{&one_, false}, {&other_, true}}));
  EXPECT_FALSE(home_.waiting());
  EXPECT_FALSE(readable(home_.fd()));
  EXPECT_TRUE(drain().empty());
}

TEST_F(HomecomingTest, PublishedManyTimesItLiesThereOnce) {
  for (int i = 0; i < 5; ++i) home_.publish(one_);
  EXPECT_EQ(drain(), (Came{{&one_, false}}));
}

TEST_F(HomecomingTest, PublishedAndThenDoneItIsDone) {
  home_.publish(one_);
  home_.done(one_);
  EXPECT_EQ(drain(), (Came{{&one_, true}}));
}

TEST_F(HomecomingTest, ComesAgainAfterItWasDrained) {
  home_.publish(one_);
  EXPECT_EQ(drain(), (Came{{&one_, false}}));
  home_.done(one_);
  EXPECT_TRUE(readable(home_.fd()));
  EXPECT_EQ(drain(), (Came{{&one_, true}}));
}

TEST_F(HomecomingTest, MayBePublishedWhileItIsVisited) {
  home_.publish(one_);
  home_.drain([this](Exchange& exchange, bool) { home_.done(exchange); });
  EXPECT_TRUE(readable(home_.fd()));
  EXPECT_EQ(drain(), (Came{{&one_, true}}));
}

TEST_F(HomecomingTest, WakeRingsWithoutAnExchange) {
  home_.wake();
  EXPECT_TRUE(readable(home_.fd()));
  EXPECT_FALSE(home_.waiting());
  EXPECT_TRUE(drain().empty());
  EXPECT_FALSE(readable(home_.fd()));
}

// Each done() is seen exactly once, and nothing of an exchange comes after it.
TEST_F(HomecomingTest, ManyThreadsComeHomeOnce) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 2000;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  std::vector<std::atomic<int>> seen(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    exchanges.push_back(std::make_unique<Exchange>(limits_, spill_));
    exchanges.back()->pool_place = static_cast<std::size_t>(i);
  }
  std::vector<std::thread> slots;
  for (int i = 0; i < kThreads; ++i) {
    slots.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        home_.publish(*exchanges[static_cast<std::size_t>(i)]);
        home_.done(*exchanges[static_cast<std::size_t>(i)]);
        while (seen[static_cast<std::size_t>(i)] != round + 1) std::this_thread::yield();
      }
    });
  }
  int done = 0;
  while (done < kThreads * kRounds) {
    pollfd one{home_.fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&one, 1, 20000), 1) << "a wake-up was lost";
    home_.drain([&](Exchange& exchange, bool is_done) {
      if (!is_done) return;
      ++done;
      ++seen[exchange.pool_place];
    });
  }
  for (std::thread& slot : slots) slot.join();
  EXPECT_FALSE(home_.waiting());
}

}  // namespace
}  // namespace winghorn
