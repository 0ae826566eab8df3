// SPDX-License-Identifier: MIT
// The engine with real sockets and threads, and an application without Python. Runs under TSan.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::EngineTest;

TEST_F(EngineTest, AnswersOneGet) {
  start(1);
  Client one = client();
  one.get("/hello");
  EXPECT_TRUE(one.read_until("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(one.read_until("/hello"));
}

TEST_F(EngineTest, KeepsAConnectionForManyRequests) {
  start(1);
  Client one = client();
  for (int i = 0; i < 500; ++i) {
    one.get("/hello/" + std::to_string(i) + ".");
    ASSERT_TRUE(one.read_until("/hello/" + std::to_string(i) + ".")) << i;
  }
  EXPECT_EQ(application_.calls, 500);
}

TEST_F(EngineTest, AnswersPipelinedRequestsInOrder) {
  start(2);
  Client one = client();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += "GET /n" + std::to_string(i) + "/ HTTP/1.1\r\nHost: t\r\n\r\n";
  }
  one.send(all);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(one.read_until("/n" + std::to_string(i) + "/")) << i;
}

TEST_F(EngineTest, OthersConnectAndAreReadWhileACallBlocks) {
  start(2);
  Client slow = client();
  slow.get("/sleep/400");
  std::vector<Client> others;
  for (int i = 0; i < 20; ++i) others.push_back(client());
  for (Client& other : others) other.get("/hello");
  for (Client& other : others) EXPECT_TRUE(other.read_until("/hello"));
  EXPECT_EQ(application_.running, 1) << "the slow one still runs";
  EXPECT_TRUE(slow.read_until("/sleep/400"));
}

TEST_F(EngineTest, OneSlotRunsOneAtATime) {
  start(1);
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(client());
  for (Client& one : clients) one.get("/sleep/20");
  for (Client& one : clients) EXPECT_TRUE(one.read_until("/sleep/20"));
  EXPECT_EQ(application_.most_running, 1);
}

TEST_F(EngineTest, SlotsRunSideBySide) {
  start(4);
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(client());
  for (Client& one : clients) one.get("/sleep/300");
  for (Client& one : clients) EXPECT_TRUE(one.read_until("/sleep/300"));
  EXPECT_EQ(application_.most_running, 4);
}

TEST_F(EngineTest, AStreamArrivesPieceByPiece) {
  start(1);
  Client one = client();
  one.get("/stream/3/100");
  EXPECT_TRUE(one.read_until("piece 0"));
  EXPECT_EQ(application_.running, 1) << "the first piece came before the last was made";
  EXPECT_TRUE(one.read_until("piece 2\n"));
  EXPECT_TRUE(one.read_until("0\r\n\r\n"));
}

TEST_F(EngineTest, ASlowBodyCostsNoSlotUntilItIsThere) {
  start(1);
  Client slow = client();
  slow.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n12345");
  Client other = client();
  other.get("/hello");
  EXPECT_TRUE(other.read_until("/hello"));
  slow.send("67890");
  EXPECT_TRUE(slow.read_until("1234567890"));
}

TEST_F(EngineTest, ABodyBeyondMemoryIsSpilledAndComesBackWhole) {
  start(1, [](EngineSettings& settings) {
    settings.limits.body_memory_bytes = 4096;
    settings.limits.body_spill_bytes = 16384;
    settings.spill_directory = "/tmp";
  });
  Client one = client();
  std::string body;
  for (int i = 0; i < 40000; ++i) body += std::to_string(i) + ",";
  std::thread sender([&] {
    one.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
  });
  EXPECT_TRUE(one.read_until(body));
  sender.join();
}

TEST_F(EngineTest, AClientThatWaitsForContinueGetsItWhenTheApplicationReads) {
  start(1);
  Client one = client();
  one.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(one.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  Client other = client();
  one.send("hello");
  EXPECT_TRUE(one.read_until("hello"));
}

TEST_F(EngineTest, ALargeReplyWaitsForItsReader) {
  start(1, [](EngineSettings& settings) { settings.limits.reply_ahead_bytes = 256 * 1024; });
  Client slow = client();
  slow.get("/big/50000000", "Connection: close\r\n");
  EXPECT_TRUE(slow.read_until("\r\n\r\n"));
  const std::size_t already = slow.seen().size();
  EXPECT_EQ(slow.read_to_end() + already, 50000000U);
}

TEST_F(EngineTest, AReaderThatGoesAwayFreesTheSlot) {
  start(1);
  {
    Client gone = client();
    gone.get("/big/500000000");
    EXPECT_TRUE(gone.read_until("200 OK"));
  }
  Client other = client();
  other.get("/hello");
  EXPECT_TRUE(other.read_until("/hello"));
}

TEST_F(EngineTest, RetiringFinishesWhatRunsAndReturns) {
  start(2);
  Client slow = client();
  slow.get("/sleep/300");
  Client idle = client();
  idle.get("/hello");
  EXPECT_TRUE(idle.read_until("/hello"));
  order('T');
  EXPECT_TRUE(slow.read_until("Connection: close"));
  EXPECT_TRUE(slow.read_until("/sleep/300"));
  EXPECT_EQ(idle.read_to_end(), 0U);
  expect_end();
  EXPECT_FALSE(connects());
}

TEST_F(EngineTest, ManyClientsGetTheirOwnAnswers) {
  start(3);
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([this, c, &right] {
      Client one = client();
      for (int i = 0; i < 60; ++i) {
        const std::string mine = "c" + std::to_string(c) + "i" + std::to_string(i) + ".";
        const char* kind = i % 10 == 0 ? "/sleep/15/" : i % 10 == 5 ? "/spin/3/" : "/hello/";
        one.get(kind + mine);
        if (one.read_until(mine)) ++right;
      }
    });
  }
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(right, 8 * 60);
  EXPECT_EQ(application_.calls, 8 * 60);
}

TEST_F(EngineTest, TheScoreboardShowsWhatASlotRuns) {
  start(1);
  Client slow = client();
  slow.get("/sleep/300");
  std::optional<SlotSnapshot> shown;
  const Instant bound = now() + Seconds(10);
  while ((!shown || !shown->busy()) && now() < bound) shown = board_->read_slot(seat_, 0);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->request.target, "/sleep/300");
  EXPECT_TRUE(slow.read_until("/sleep/300"));
}

}  // namespace
}  // namespace winghorn
