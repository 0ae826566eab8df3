// SPDX-License-Identifier: MIT
// Requests that outlive their deadline: who is answered, what runs on, and what takes its place.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::EngineTest;
using testing::eventually;

class EngineDeadline : public EngineTest {
 protected:
  // Deadlines are short; a test that wants the request to live says so.
  void start_with(unsigned slots, Nanos timeout, Nanos grace = Seconds(60),
                  unsigned stuck_slots = 0) {
    start(slots, [&](EngineSettings& settings) {
      settings.request_times.timeout = timeout;
      settings.request_times.grace = grace;
      settings.request_times.stuck_slots = stuck_slots;
    });
  }
  void TearDown() override {
    application_.open();
    if (main_thread_.joinable()) {
      order('T');
      main_thread_.join();
    }
    for (std::thread& thread : more_threads_) thread.join();
    stop();
  }
  // What the main thread of a worker with threads does.
  void start_main_thread() {
    events_.start_thread = [this](unsigned slot) {
      more_threads_.emplace_back([this, slot] { engine_->run_slot(slot); });
      return true;
    };
    main_thread_ = std::thread([this] { engine_->wait(); });
  }
  bool answers(const std::string& path = "/hello") {
    Client other = client();
    other.get(path);
    return other.read_until(path);
  }

  std::vector<std::thread> more_threads_;
  std::thread main_thread_;
};

TEST_F(EngineDeadline, AnswersARunningRequestWithoutItsSlot) {
  start_with(1, Millis(50));
  Client one = client();
  one.get("/hold");
  EXPECT_TRUE(one.read_until("HTTP/1.1 504 Gateway Timeout\r\n"));
  EXPECT_TRUE(one.read_until("Connection: close\r\n"));
  one.read_to_end();
  EXPECT_TRUE(one.ended_cleanly());
  EXPECT_EQ(application_.running, 1);
  EXPECT_TRUE(eventually([&] { return application_.was_interrupted(); }));
}

TEST_F(EngineDeadline, ServesAgainOnceTheSlotIsBack) {
  start_with(1, Millis(50));
  Client one = client();
  one.get("/obey");
  EXPECT_TRUE(one.read_until("HTTP/1.1 504 "));
  EXPECT_TRUE(answers());
  EXPECT_EQ(one.read_through("/obey"), "");  // what it said after all went nowhere
}

TEST_F(EngineDeadline, AnswersWhatWaitsWithoutRunningIt) {
  start_with(1, Millis(100));
  Client running = client();
  running.get("/hold");
  EXPECT_TRUE(eventually([&] { return application_.running == 1; }));
  Client waiting = client();
  waiting.get("/hold/not");
  EXPECT_TRUE(waiting.read_until("HTTP/1.1 504 "));
  EXPECT_TRUE(running.read_until("HTTP/1.1 504 "));
  application_.open();
  EXPECT_TRUE(answers());
  EXPECT_FALSE(application_.has_run("/hold/not"));
}

TEST_F(EngineDeadline, CutsAReplyThatHasBegun) {
  start_with(1, Millis(100));
  Client one = client();
  one.get("/stream/100000/5");
  EXPECT_TRUE(one.read_until("piece 1\n"));
  one.read_to_end();
  EXPECT_EQ(one.seen().find("504"), std::string::npos);
  EXPECT_EQ(one.seen().find("\r\n0\r\n"), std::string::npos);
  EXPECT_TRUE(answers());
}

TEST_F(EngineDeadline, LeavesAClientWhoseReplyWasWholeBefore) {
  start_with(1, Millis(100), Millis(20));
  Client one = client();
  one.get("/late");
  EXPECT_TRUE(one.read_until("/late"));
  one.get("/hello");  // it waits for a connection that will never be free
  one.read_to_end();
  EXPECT_TRUE(one.ended_cleanly());
  EXPECT_TRUE(eventually([&] { return has_asked_for_successor(); }));
  application_.open();
  EXPECT_TRUE(answers());
}

TEST_F(EngineDeadline, ForgetsWhatWaitsForAClientThatHasGone) {
  start_with(1, Millis(100));
  Client running = client();
  running.get("/hold");
  EXPECT_TRUE(eventually([&] { return application_.running == 1; }));
  for (int i = 0; i < 5; ++i) {
    Client gone = client();
    gone.get("/gone");
    EXPECT_TRUE(eventually([&] { return board_->seat(seat_).engine.queued.get() > 0; }));
    gone.reset();
  }
  EXPECT_TRUE(running.read_until("HTTP/1.1 504 "));
  application_.open();
  EXPECT_TRUE(eventually([&] { return connections() == 0; }));
  EXPECT_FALSE(application_.has_run("/gone"));
}

TEST_F(EngineDeadline, AWorkerInWhichNothingEndsLeavesNewClientsToItsSuccessor) {
  start_with(1, Millis(50), Millis(20));
  Client stuck = client();
  stuck.get("/hold");
  EXPECT_TRUE(stuck.read_until("HTTP/1.1 504 "));
  EXPECT_TRUE(eventually([&] { return has_asked_for_successor(); }));
  const std::uint64_t before = connections();
  Client next = client();
  next.get("/next");
  const Instant until = now() + Millis(200);
  EXPECT_TRUE(eventually([&] { return now() > until; }));
  EXPECT_LE(connections(), before);
  application_.open();
  EXPECT_TRUE(next.read_until("/next"));
}

TEST_F(EngineDeadline, EndsARequestThatWaitsForItsClient) {
  start_with(1, Millis(100));
  Client one = client();
  one.send("POST /tell HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(one.read_until("100 Continue\r\n\r\n"));
  EXPECT_TRUE(one.read_until("HTTP/1.1 504 "));
  EXPECT_TRUE(eventually([&] { return application_.running == 0; }));
  EXPECT_TRUE(answers());
}

TEST_F(EngineDeadline, LeavesQuickRequestsAlone) {
  start_with(2, Seconds(60));
  Client one = client();
  for (int i = 0; i < 100; ++i) {
    one.get("/hello");
    ASSERT_TRUE(one.read_until("/hello"));
  }
  EXPECT_FALSE(application_.was_interrupted());
}

TEST_F(EngineDeadline, StopsWhatRunsForAClientThatHasGone) {
  start_with(1, Millis(100), Millis(20));
  Client one = client();
  one.get("/hold");
  EXPECT_TRUE(eventually([&] { return application_.running == 1; }));
  one.reset();
  EXPECT_TRUE(eventually([&] { return has_asked_for_successor(); }));
  application_.open();
  EXPECT_TRUE(answers());
}

TEST_F(EngineDeadline, TheOtherSlotsServeOn) {
  start_with(2, Millis(50));
  Client one = client();
  one.get("/hold");
  EXPECT_TRUE(one.read_until("HTTP/1.1 504 "));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(answers());
  EXPECT_EQ(application_.running, 1);
}

TEST_F(EngineDeadline, ASlotThatDoesNotComeBackIsReplaced) {
  start_with(2, Millis(50), Millis(20), 2);
  start_main_thread();
  std::vector<Client> stuck;
  for (int i = 0; i < 2; ++i) {
    stuck.push_back(client());
    stuck.back().get("/hold");
  }
  for (Client& one : stuck) EXPECT_TRUE(one.read_until("HTTP/1.1 504 "));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(answers());
  EXPECT_EQ(application_.running, 2);
  EXPECT_FALSE(has_asked_for_successor());
  application_.open();
  EXPECT_TRUE(eventually([&] { return application_.running == 0; }));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(answers());
}

TEST_F(EngineDeadline, ASlotCanBeReplacedAgainAndAgain) {
  start_with(2, Millis(50), Millis(20), 2);
  start_main_thread();
  for (int round = 0; round < 3; ++round) {
    std::vector<Client> stuck;
    for (int i = 0; i < 2; ++i) {
      stuck.push_back(client());
      stuck.back().get("/sleep/200");
    }
    for (Client& one : stuck) EXPECT_TRUE(one.read_until("HTTP/1.1 504 "));
    EXPECT_TRUE(answers());
    EXPECT_TRUE(eventually([&] { return application_.running == 0; }));
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(answers());
  EXPECT_FALSE(has_asked_for_successor());
}

TEST_F(EngineDeadline, BeyondTheLimitTheWorkerAsksForItsSuccessor) {
  start_with(2, Millis(50), Millis(20), 1);
  start_main_thread();
  std::vector<Client> stuck;
  for (int i = 0; i < 2; ++i) {
    stuck.push_back(client());
    stuck.back().get("/hold");
  }
  for (Client& one : stuck) EXPECT_TRUE(one.read_until("HTTP/1.1 504 "));
  EXPECT_TRUE(eventually([&] { return has_asked_for_successor(); }));
  EXPECT_TRUE(answers());
}

using EngineDeadlineDeathTest = EngineDeadline;

TEST_F(EngineDeadlineDeathTest, AWorkerWithOneSlotAsksForItsSuccessorAndGoes) {
  const auto scene = [this] {
    start_with(1, Millis(50), Millis(20));
    Client one = client();
    one.get("/hold");
    EXPECT_TRUE(one.read_until("HTTP/1.1 504 "));
    EXPECT_TRUE(eventually([&] { return has_asked_for_successor(); }));
    order('T');
    EXPECT_TRUE(eventually([&] { return events_.left == 0; }));
    EXPECT_EQ(application_.running, 1);
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineDeadline, ARecycledWorkerFinishesWhatIsHealthy) {
  start_with(2, Millis(100), Millis(20));
  start_main_thread();
  Client stuck = client();
  stuck.get("/hold");
  EXPECT_TRUE(stuck.read_until("HTTP/1.1 504 "));
  EXPECT_TRUE(eventually([&] { return has_asked_for_successor(); }));
  Client healthy = client();
  healthy.get("/sleep/50");
  EXPECT_TRUE(eventually([&] { return application_.running == 2; }));
  order('T');
  EXPECT_TRUE(healthy.read_until("/sleep/50"));
  main_thread_.join();  // it does not wait for the one that is stuck
  EXPECT_EQ(application_.running, 1);
}

}  // namespace
}  // namespace winghorn
