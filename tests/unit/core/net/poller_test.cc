// SPDX-License-Identifier: MIT
#include "core/net/poller.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <thread>

#include "core/net/wake.h"

namespace winghorn {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
  }
  void say(char what) const { EXPECT_EQ(::write(theirs.get(), &what, 1), 1); }
  char hear() const {
    char what = 0;
    EXPECT_EQ(::read(ours.get(), &what, 1), 1);
    return what;
  }
  Fd ours;
  Fd theirs;
};

class PollerTest : public ::testing::Test {
 protected:
  int wait(Millis patience = Millis(0)) { return poller_.wait(events_, patience); }
  Poller poller_ = std::move(Poller::create()).value();
  std::array<Ready, 8> events_;
  Pair pair_;
};

TEST_F(PollerTest, LevelIsToldUntilItIsRead) {
  ASSERT_TRUE(poller_.add(pair_.ours.get(), 42, Interest::Read).ok());
  EXPECT_EQ(wait(), 0);
  pair_.say('x');
  EXPECT_EQ(wait(), 1);
  EXPECT_EQ(wait(), 1);
  EXPECT_EQ(events_[0].token, 42U);
  EXPECT_TRUE(events_[0].readable);
  EXPECT_FALSE(events_[0].writable || events_[0].broken);
  EXPECT_EQ(pair_.hear(), 'x');
  EXPECT_EQ(wait(), 0);
}

TEST_F(PollerTest, AnEdgeIsToldOnceForEachChange) {
  ASSERT_TRUE(poller_.add(pair_.ours.get(), 1, Interest::EdgeRead).ok());
  pair_.say('a');
  EXPECT_EQ(wait(), 1);
  EXPECT_EQ(wait(), 0) << "though nothing was read";
  pair_.say('b');
  EXPECT_EQ(wait(), 1);
}

TEST_F(PollerTest, WhatWasThereBeforeIsToldWhenAdded) {
  pair_.say('a');
  ASSERT_TRUE(poller_.add(pair_.ours.get(), 1, Interest::EdgeBoth).ok());
  ASSERT_EQ(wait(), 1);
  EXPECT_TRUE(events_[0].readable && events_[0].writable);
}

TEST_F(PollerTest, AnEndIsReadableAndSaysSo) {
  ASSERT_TRUE(poller_.add(pair_.ours.get(), 1, Interest::EdgeBoth).ok());
  EXPECT_EQ(wait(), 1);
  pair_.say('a');
  ::shutdown(pair_.theirs.get(), SHUT_WR);
  ASSERT_EQ(wait(), 1);
  EXPECT_TRUE(events_[0].readable && events_[0].ended);
  EXPECT_FALSE(events_[0].broken);
  pair_.theirs.reset();
  ASSERT_EQ(wait(), 1);
  EXPECT_TRUE(events_[0].broken);
}

TEST_F(PollerTest, NothingIsAskedForAndAskedAgain) {
  ASSERT_TRUE(poller_.add(pair_.ours.get(), 1, Interest::Read).ok());
  pair_.say('a');
  ASSERT_TRUE(poller_.change(pair_.ours.get(), 1, Interest::Nothing).ok());
  EXPECT_EQ(wait(), 0);
  ASSERT_TRUE(poller_.change(pair_.ours.get(), 2, Interest::Read).ok());
  EXPECT_EQ(wait(), 1);
  EXPECT_EQ(events_[0].token, 2U);
  poller_.remove(pair_.ours.get());
  EXPECT_EQ(wait(), 0);
  poller_.remove(pair_.ours.get());
}

TEST_F(PollerTest, MoreEventsThanAskedForComeLater) {
  std::array<Pair, 5> pairs;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_TRUE(poller_.add(pairs[i].ours.get(), i, Interest::EdgeRead).ok());
    pairs[i].say('x');
  }
  std::array<Ready, 2> two;
  std::array<int, 5> seen{};
  for (int turn = 0; turn < 3; ++turn) {
    const int count = poller_.wait(two, Millis(0));
    for (int i = 0; i < count; ++i) ++seen[two[static_cast<std::size_t>(i)].token];
  }
  EXPECT_EQ(seen, (std::array<int, 5>{1, 1, 1, 1, 1}));
}

TEST_F(PollerTest, MistakesAreFailuresNotCrashes) {
  EXPECT_FALSE(poller_.add(-1, 1, Interest::Read).ok());
  EXPECT_FALSE(poller_.change(pair_.ours.get(), 1, Interest::Read).ok());
  ASSERT_TRUE(poller_.add(pair_.ours.get(), 1, Interest::Read).ok());
  EXPECT_FALSE(poller_.add(pair_.ours.get(), 1, Interest::Read).ok());
}

TEST_F(PollerTest, ASignalEndsAWaitWithoutEvents) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR2, &action, &before), 0);
  std::atomic<bool> over{false};
  const pthread_t waiter = ::pthread_self();
  std::thread teaser([&] {
    while (!over) {
      ::pthread_kill(waiter, SIGUSR2);
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(wait(Seconds(20)), -1);
  over = true;
  teaser.join();
  ::sigaction(SIGUSR2, &before, nullptr);
}

TEST(WakeSignal, WakesAddUpToOne) {
  const WakeSignal signal = std::move(WakeSignal::create()).value();
  Poller poller = std::move(Poller::create()).value();
  ASSERT_TRUE(poller.add(signal.fd(), 1, Interest::Read).ok());
  std::array<Ready, 1> events;
  EXPECT_EQ(poller.wait(events, Millis(0)), 0);
  signal.wake();
  signal.wake();
  EXPECT_EQ(poller.wait(events, Millis(0)), 1);
  signal.clear();
  EXPECT_EQ(poller.wait(events, Millis(0)), 0);
  signal.clear();  // never blocks
}

TEST(WakeSignal, LeavesErrnoAlone) {
  const WakeSignal signal = std::move(WakeSignal::create()).value();
  errno = ENOTTY;
  signal.wake();
  EXPECT_EQ(errno, ENOTTY);
}

}  // namespace
}  // namespace winghorn
