// SPDX-License-Identifier: MIT
// What the loop's owner and a crash handler on another thread share, and that never at the same time.
#include "core/engine/crash_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace winghorn {
namespace {

struct Stopped {};

// Its owner works on one connection after the other, opens some and frees some, until it is stopped.
class Owner {
 public:
  Owner() {
    for (std::uint32_t i = 0; i < kConnections; ++i) open(i);
    thread_ = std::thread([this] { work(); });
  }
  ~Owner() { thread_.join(); }

  CrashTable table{[] { throw Stopped(); }};
  std::atomic<std::uint64_t> turns{0};

 private:
  static constexpr std::uint32_t kConnections = 300;

  void open(std::uint32_t index) {
    auto connection = std::make_unique<Connection>();
    connection->index = index;
    table.add(*connection);
    connections_[index] = std::move(connection);
  }

  void work() {
    try {
      for (std::uint32_t i = 0;; i = (i + 1) % kConnections) {
        turns.fetch_add(1, std::memory_order_relaxed);
        std::unique_ptr<Connection>& connection = connections_[i];
        {
          const CrashTable::Hold hold(table, *connection);
          ++connection->moved;
          const CrashTable::Hold within(table, *connection);
          ++connection->lingered;
          if (connection->moved % 3 != 0) continue;
          table.remove(*connection);
        }
        connection.reset();
        open(i);
      }
    } catch (const Stopped&) {
    }
  }

  std::vector<std::unique_ptr<Connection>> connections_{kConnections};
  std::thread thread_;
};

TEST(CrashTable, WhatIsNotHeldStandsStillOnceStopped) {
  for (int round = 0; round < 50; ++round) {
    Owner owner;
    while (owner.turns.load(std::memory_order_relaxed) < 1000) std::this_thread::yield();
    owner.table.stop();
    unsigned seen = 0;
    const auto look = [&seen](Connection& connection) {
      ++seen;
      EXPECT_EQ(connection.moved, connection.lingered) << "in the midst of its owner's work";
      ++connection.last_word.sent;
    };
    owner.table.each(look);
    EXPECT_GE(seen, 298U) << "all but one held, or between two lives";
    ASSERT_TRUE(owner.table.await_rest(Seconds(30)));
    owner.table.each([](Connection& connection) { EXPECT_LE(connection.last_word.sent, 1U); });
  }
}

TEST(CrashTable, AnOwnerThatNeverLetsGoIsNotWaitedForForLong) {
  CrashTable table([] { throw Stopped(); });
  Connection connection;
  table.add(connection);
  const CrashTable::Hold hold(table, connection);
  table.stop();
  EXPECT_FALSE(table.await_rest(Millis(20)));
  table.each([](Connection&) { ADD_FAILURE() << "it is held"; });
  EXPECT_NO_THROW(CrashTable::Hold(table, connection)) << "what it has in hand it may finish";
}

TEST(CrashTable, NothingIsBegunOnceStopped) {
  CrashTable table([] { throw Stopped(); });
  Connection connection;
  table.add(connection);
  table.stop();
  EXPECT_THROW(CrashTable::Hold(table, connection), Stopped);
  unsigned seen = 0;
  table.each([&seen](Connection&) { ++seen; });
  EXPECT_EQ(seen, 1U) << "who was stopped holds nothing";
}

}  // namespace
}  // namespace winghorn
