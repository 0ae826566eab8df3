// SPDX-License-Identifier: MIT
#include "core/http/exchange.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/limits.h"

namespace winghorn {
namespace {

class FakeSlot final : public Slot {
 public:
  void put_loop_down() override { ++put_down; }
  void taken_up() override { ++up; }
  void published(Exchange&) override { ++told; }
  void progress() override {}
  void wants_interpreter(bool) override {}
  unsigned number() const override { return 0; }
  std::atomic<int> put_down{0};
  std::atomic<int> up{0};
  std::atomic<int> told{0};
};

class ExchangeTest : public ::testing::Test {
 protected:
  ExchangeTest() { exchange_.reset(7, info_); }
  // On a thread of its own; the slot has put the loop down when this returns.
  template <class Wait>
  void while_waiting(Wait wait) {
    waiter_ = std::thread(wait);
    while (slot_.put_down == 0) std::this_thread::yield();
  }
  void TearDown() override {
    if (waiter_.joinable()) waiter_.join();
  }

  Limits limits_ = wide_limits();
  SpillPlace spill_;
  ConnectionInfo info_;
  Exchange exchange_{limits_, spill_};
  FakeSlot slot_;
  std::thread waiter_;
};

TEST_F(ExchangeTest, DoesNotWaitForWhatIsThere) {
  ASSERT_TRUE(exchange_.body.put("x").ok());
  exchange_.await_body(slot_);
  exchange_.await_room(slot_);
  EXPECT_EQ(slot_.put_down, 0) << "the loop stays where it is";
}

TEST_F(ExchangeTest, WaitsForBytes) {
  while_waiting([&] { exchange_.await_body(slot_); });
  ASSERT_TRUE(exchange_.body.put("x").ok());
  exchange_.wake_slot();
  waiter_.join();
  EXPECT_EQ(exchange_.body.available(), 1U);
  EXPECT_EQ(slot_.up, 1);
}

TEST_F(ExchangeTest, WaitsForTheBodysEnd) {
  while_waiting([&] { exchange_.await_body(slot_); });
  exchange_.body.end(BodyState::Truncated, "gone");
  exchange_.wake_slot();
  waiter_.join();
  EXPECT_EQ(exchange_.body.state(), BodyState::Truncated);
}

TEST_F(ExchangeTest, ASignalEndsAWaitForALook) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR2, &action, nullptr), 0);
  bool undisturbed = true;
  while_waiting([&] { undisturbed = exchange_.await_body(slot_); });
  while (slot_.up == 0) {
    ::pthread_kill(waiter_.native_handle(), SIGUSR2);
    std::this_thread::yield();
  }
  waiter_.join();
  EXPECT_FALSE(undisturbed);
  ASSERT_TRUE(exchange_.body.put("x").ok());
  EXPECT_TRUE(exchange_.await_body(slot_)) << "nothing is left of it";
}

TEST_F(ExchangeTest, AClientThatLeftEndsBothWaits) {
  exchange_.reply.start(ReplyHead());
  exchange_.reply.write(std::string(limits_.reply_ahead_bytes + 1, 'x'));
  while_waiting([&] {
    exchange_.await_room(slot_);
    exchange_.await_body(slot_);
  });
  exchange_.reply.discard();
  exchange_.wake_slot();
  waiter_.join();
  EXPECT_EQ(slot_.up, 1);
}

TEST_F(ExchangeTest, WaitsForRoomAndTellsFirst) {
  exchange_.reply.start(ReplyHead());
  exchange_.reply.write(std::string(limits_.reply_ahead_bytes + 5, 'x'));
  while_waiting([&] { exchange_.await_room(slot_); });
  EXPECT_EQ(slot_.told, 1) << "what is full must be sent first";
  exchange_.reply.sent(4);
  exchange_.wake_slot();
  exchange_.reply.sent(1);
  exchange_.wake_slot();
  waiter_.join();
  EXPECT_EQ(exchange_.reply.ahead(), limits_.reply_ahead_bytes);
}

TEST_F(ExchangeTest, AsksForTheBodyOnceWhenTheClientWaits) {
  exchange_.head.expects_continue = true;
  while_waiting([&] { exchange_.await_body(slot_); });
  ReplyParts parts;
  ASSERT_TRUE(exchange_.reply.collect(parts));
  EXPECT_TRUE(parts.wants_continue);
  ASSERT_TRUE(exchange_.body.put("x").ok());
  exchange_.wake_slot();
  waiter_.join();
  EXPECT_EQ(slot_.told, 1);
  exchange_.await_body(slot_);
  EXPECT_FALSE(exchange_.reply.collect(parts));
  EXPECT_TRUE(exchange_.head.expects_continue) << "the head is the slot's to read only";
}

TEST_F(ExchangeTest, NoWakeUpIsLost) {
  constexpr int kRounds = 20000;
  waiter_ = std::thread([&] {
    std::string block(16, '\0');
    for (int got = 0; got < kRounds;) {
      exchange_.await_body(slot_);
      got += static_cast<int>(exchange_.body.take(block.data(), block.size()));
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    while (exchange_.body.room() == 0) std::this_thread::yield();
    ASSERT_TRUE(exchange_.body.put("x").ok());
    exchange_.wake_slot();
  }
}

TEST_F(ExchangeTest, IsBegunOrWithdrawnNeverBoth) {
  EXPECT_TRUE(exchange_.begin(now()));
  EXPECT_FALSE(exchange_.withdraw());
  exchange_.reset(8, info_);
  EXPECT_TRUE(exchange_.withdraw());
  EXPECT_FALSE(exchange_.begin(now()));
  for (int round = 0; round < 2000; ++round) {
    exchange_.reset(9, info_);
    std::atomic<int> won{0};
    std::thread slot([&] { won += exchange_.begin(now()) ? 1 : 0; });
    won += exchange_.withdraw() ? 1 : 0;
    slot.join();
    ASSERT_EQ(won, 1);
  }
}

// ---- the pool

TEST_F(ExchangeTest, ThePoolGivesFreshOnesAndCounts) {
  ExchangePool pool(limits_, spill_);
  Exchange* one = pool.open(info_);
  one->notes.refusal = "old";
  ASSERT_TRUE(one->body.put("old").ok());
  one->reply.answer(ReplyHead(), "old");
  const std::uint64_t id = one->id();
  pool.close(one);
  EXPECT_EQ(pool.in_use(), 0U);
  Exchange* again = pool.open(info_);
  EXPECT_EQ(again, one) << "reused";
  EXPECT_NE(again->id(), id);
  EXPECT_TRUE(again->notes.refusal.empty());
  EXPECT_EQ(again->body.available(), 0U);
  EXPECT_FALSE(again->reply.started());
  EXPECT_EQ(pool.in_use(), 1U);
}

TEST_F(ExchangeTest, AnIdleOneKeepsNoRoomOfALargeRequest) {
  ExchangePool pool(limits_, spill_);
  Exchange* one = pool.open(info_);
  one->head_bytes.assign(100'000, 'h');
  ASSERT_TRUE(one->body.put(std::string(limits_.body_memory_bytes, 'b')).ok());
  pool.close(one);
  EXPECT_LE(one->head_bytes.capacity(), 16U * 1024);
  EXPECT_EQ(one->body.available(), 0U);
  ASSERT_EQ(pool.open(info_), one);
  EXPECT_EQ(one->body.room(), limits_.body_memory_bytes + limits_.body_spill_bytes);
}

TEST_F(ExchangeTest, ThePoolKeepsSomeAndGivesTheRestBackInAnyOrder) {
  ExchangePool pool(limits_, spill_);
  std::vector<Exchange*> open;
  for (int i = 0; i < 1000; ++i) open.push_back(pool.open(info_));
  EXPECT_EQ(std::set<Exchange*>(open.begin(), open.end()).size(), 1000U);
  for (std::size_t i = 0; i < open.size(); i += 2) pool.close(open[i]);
  for (std::size_t i = 1; i < open.size(); i += 2) pool.close(open[i]);
  EXPECT_EQ(pool.in_use(), 0U);
  for (int i = 0; i < 1000; ++i) pool.open(info_);
  EXPECT_EQ(pool.in_use(), 1000U);
}

}  // namespace
}  // namespace winghorn
