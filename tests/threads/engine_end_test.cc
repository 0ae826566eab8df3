// SPDX-License-Identifier: MIT
// How a worker's engine ends: retired, told to hurry, without an arbiter, without progress, out of patience.
#include <gtest/gtest.h>

#include <string>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::EngineTest;
using testing::eventually;

class EngineEnd : public EngineTest {
 protected:
  void TearDown() override {
    application_.open();
    stop();
  }
};

TEST_F(EngineEnd, WithoutConnectionsIsImmediate) {
  start(2);
  order('T');
  expect_end();
  EXPECT_EQ(events_.left, -1);
}

TEST_F(EngineEnd, AnOrderGivenWhileEverySlotWorksIsObeyed) {
  start(3);
  std::vector<Client> busy;
  for (int i = 0; i < 3; ++i) busy.push_back(client());
  for (Client& one : busy) one.get("/sleep/60");
  ASSERT_TRUE(eventually([&] { return application_.running == 3; }));
  order('T');
  for (Client& one : busy) EXPECT_TRUE(one.read_until("/sleep/60"));
  expect_end();
}

// A wake-up for an order may be taken together with one for a reply; nobody may sleep on the order.
TEST_F(EngineEnd, NoOrderIsLostAmongReplies) {
  for (int round = 0; round < 30; ++round) {
    start(3);
    std::atomic<bool> enough{false};
    std::vector<std::thread> clients;
    for (int c = 0; c < 3; ++c) {
      clients.emplace_back([this, &enough] {
        Client one = client();
        while (!enough && one.connected()) {
          one.get("/spin/1");
          if (!one.read_until("/spin/1")) return;
        }
      });
    }
    ASSERT_TRUE(eventually([&] { return application_.calls > 10; }));
    const Instant ordered = now();
    order('T');
    expect_end();
    EXPECT_LT(now() - ordered, Seconds(15)) << "graceful_timeout is 30 s";
    enough = true;
    for (std::thread& thread : clients) thread.join();
    application_.calls = 0;
    ports_.clear();
  }
}

TEST_F(EngineEnd, ABareConnectionIsGivenAMomentAndItsReplyIsTheLast) {
  start(1);
  Client fresh = client();
  ASSERT_TRUE(eventually([&] { return connections() == 1; }));
  order('T');
  ASSERT_TRUE(
      eventually([&] { return board_->seat(seat_).engine.listeners_closed_at.get() != 0; }));
  fresh.get("/hello");
  EXPECT_TRUE(fresh.read_until("Connection: close"));
  EXPECT_TRUE(fresh.read_until("/hello"));
  fresh.read_to_end();
  EXPECT_TRUE(fresh.ended_cleanly());
  expect_end();
}

TEST_F(EngineEnd, WhatTheKernelHadAcceptedIsAnsweredWhenRetiring) {
  start(1);
  Client slow = client();
  slow.get("/hold");
  ASSERT_TRUE(eventually([&] { return application_.running == 1; }));
  std::vector<Client> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(client());
    waiting.back().get("/hello/" + std::to_string(i) + ".");
  }
  order('S');
  ASSERT_TRUE(
      eventually([&] { return board_->seat(seat_).engine.listeners_closed_at.get() != 0; }));
  application_.open();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(waiting[i].read_until("/hello/" + std::to_string(i) + ".")) << i;
  }
  EXPECT_TRUE(slow.read_until("/hold"));
  expect_end();
}

TEST_F(EngineEnd, ReopenGoesToTheLogs) {
  start(1);
  order('U');
  EXPECT_TRUE(eventually([&] { return events_.reopened == 1; }));
}

// ---- ends that the process does not survive: in a child of their own

class EngineDeathTest : public EngineTest {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // One slot in a call that does not return, one client queued behind it, one in the middle of a head,
  // one in the middle of a body.
  void fill() {
    running_.emplace(client());
    running_->get("/hold");
    EXPECT_TRUE(eventually([&] { return application_.running == 1; }));
    queued_.emplace(client());
    queued_->get("/queued");
    half_head_.emplace(client());
    half_head_->send("GET /half HTTP/1.1\r\nHo");
    half_body_.emplace(client());
    half_body_->send("POST /half HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n123");
    EXPECT_TRUE(eventually([&] { return connections() == 4; }));
    EXPECT_TRUE(eventually([&] { return board_->seat(seat_).engine.queued.get() == 1; }));
  }

  std::optional<Client> running_;
  std::optional<Client> queued_;
  std::optional<Client> half_head_;
  std::optional<Client> half_body_;
};

TEST_F(EngineDeathTest, AbortAnswersEverybodyAndLeaves) {
  const auto scene = [this] {
    start(1, [](EngineSettings& settings) { settings.slots = 1; });
    fill();
    engine_->order(WorkerOrder::Abort);
    EXPECT_TRUE(eventually([&] { return events_.left != -1; }));
    EXPECT_EQ(events_.left, 1);
    EXPECT_TRUE(running_->read_until("HTTP/1.1 504 Gateway Timeout\r\n"));
    EXPECT_TRUE(queued_->read_until("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_TRUE(queued_->read_until("Retry-After: "));
    EXPECT_FALSE(half_head_->has_input()) << "closed by the process's end, without an answer";
    EXPECT_FALSE(half_body_->has_input());
    // What comes of the call now is nobody's, and what was answered does not begin.
    application_.open();
    EXPECT_TRUE(eventually([&] { return application_.running == 0; }));
    EXPECT_FALSE(application_.has_run("/queued"));
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineDeathTest, AbortWorksWhileASlotRunsTheLoop) {
  const auto scene = [this] {
    start(1);
    Client half = client();
    half.send("GET /half HTTP/1.1\r\n");
    EXPECT_TRUE(eventually([&] { return connections() == 1; }));
    engine_->order(WorkerOrder::Abort);
    EXPECT_TRUE(eventually([&] { return events_.left == 1; }));
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineDeathTest, AStreamThatHasBegunIsCutNotFinished) {
  const auto scene = [this] {
    start(1);
    Client one = client();
    one.get("/big/4000000");  // more than the client takes by itself
    EXPECT_TRUE(one.read_until("\r\n\r\n"));
    Client stream = client();
    engine_->order(WorkerOrder::Abort);
    EXPECT_TRUE(eventually([&] { return events_.left == 1; }));
    EXPECT_EQ(one.seen().find("HTTP/1.1 504"), std::string::npos);
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineDeathTest, GracefulTimeoutAnswersWhatStillRuns) {
  const auto scene = [this] {
    start(1, [](EngineSettings& settings) { settings.graceful_timeout = Millis(200); });
    fill();
    order('T');
    EXPECT_TRUE(eventually([&] { return events_.left != -1; }));
    EXPECT_EQ(events_.left, 0);
    EXPECT_TRUE(running_->read_until("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_TRUE(queued_->read_until("HTTP/1.1 503 Service Unavailable\r\n"));
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineDeathTest, QuitWaitsForASecondOnly) {
  const auto scene = [this] {
    start(2);
    Client slow = client();
    slow.get("/hold");
    EXPECT_TRUE(eventually([&] { return application_.running == 1; }));
    const Instant ordered = now();
    order('Q');
    EXPECT_TRUE(eventually([&] { return events_.left != -1; }));
    EXPECT_GE(now() - ordered, Seconds(1)) << "short requests get to their end";
    EXPECT_EQ(events_.left, 0);
    EXPECT_TRUE(slow.read_until("HTTP/1.1 503 "));
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineDeathTest, WithoutItsArbiterItListensNoMoreAndGivesRequestsASecond) {
  const auto scene = [this] {
    start(1);
    Client slow = client();
    slow.get("/hold");
    EXPECT_TRUE(eventually([&] { return application_.running == 1; }));
    const Instant died = now();
    arbiter_end_.reset();
    // Not by trying to connect: that fills the queue, and who finds it full tries again in a second.
    const Word& closed_at = board_->seat(seat_).engine.listeners_closed_at;
    EXPECT_TRUE(eventually([&] { return closed_at.get() != 0; }));
    EXPECT_FALSE(connects());
    EXPECT_EQ(events_.left, -1) << "the listeners go first";
    EXPECT_TRUE(eventually([&] { return events_.left != -1; }));
    EXPECT_GE(now() - died, Seconds(1));
    EXPECT_TRUE(slow.read_until("HTTP/1.1 503 "));
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineEnd, QuitWithShortRequestsEndsByItself) {
  start(2);
  Client one = client();
  one.get("/sleep/100");
  ASSERT_TRUE(eventually([&] { return application_.running == 1; }));
  order('Q');
  EXPECT_TRUE(one.read_until("/sleep/100"));
  expect_end();
  EXPECT_EQ(events_.left, -1);
}

TEST_F(EngineEnd, AnIdleWorkerWhoseArbiterDiedGoes) {
  start(2);
  Client idle = client();
  idle.get("/hello");
  EXPECT_TRUE(idle.read_until("/hello"));
  arbiter_end_.reset();
  expect_end();
  EXPECT_EQ(idle.read_to_end(), 0U);
  EXPECT_EQ(events_.left, -1);
}

}  // namespace
}  // namespace winghorn
