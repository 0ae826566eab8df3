// SPDX-License-Identifier: MIT
// Clients that are slow, many, silent, rude or gone, and a machine that runs out of things.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::EngineTest;
using testing::eventually;

class EngineLimits : public EngineTest {
 protected:
  void TearDown() override {
    application_.open();
    stop();
  }
  // So that what comes next finds no slot free.
  void keep_busy(std::vector<Client>& clients, unsigned slots) {
    for (unsigned i = 0; i < slots; ++i) {
      clients.push_back(client());
      clients.back().get("/hold");
    }
    ASSERT_TRUE(eventually([&] { return application_.running == static_cast<int>(slots); }));
  }
  bool only_expired(Expiry which) {
    return eventually([&] {
      const auto& expired = board_->seat(seat_).clocks.expired;
      for (std::size_t i = 0; i < expired.size(); ++i) {
        if (expired[i].get() != (i == static_cast<std::size_t>(which) ? 1U : 0U)) return false;
      }
      return true;
    });
  }
  void settle_in_queue(std::uint64_t count) {
    ASSERT_TRUE(eventually([&] { return board_->seat(seat_).engine.queued.get() == count; }));
  }
};

// ---- clocks

TEST_F(EngineLimits, AnIdleConnectionIsClosedAfterKeepalive) {
  start(1, [](EngineSettings& settings) { settings.limits.keepalive = Millis(50); });
  Client one = client();
  one.get("/hello");
  EXPECT_TRUE(one.read_until("/hello"));
  EXPECT_EQ(one.read_to_end(), 0U);
  EXPECT_TRUE(one.ended_cleanly());
  EXPECT_TRUE(only_expired(Expiry::Idle));
}

TEST_F(EngineLimits, ASilentConnectionIsClosedWithoutAWord) {
  start(1, [](EngineSettings& settings) { settings.limits.first_byte = Millis(50); });
  Client one = client();
  EXPECT_EQ(one.read_to_end(), 0U);
  EXPECT_TRUE(one.ended_cleanly());
  EXPECT_TRUE(only_expired(Expiry::FirstByte));
}

TEST_F(EngineLimits, ASlowHeadIsAnswered408) {
  start(1, [](EngineSettings& settings) { settings.limits.head = Millis(50); });
  Client one = client();
  one.send("GET /slow HTTP/1.1\r\nHos");
  EXPECT_TRUE(one.read_until("HTTP/1.1 408 "));
  EXPECT_TRUE(one.read_until("Connection: close"));
  one.close();
  EXPECT_TRUE(only_expired(Expiry::Head));
}

TEST_F(EngineLimits, ABodyThatStopsIsAnswered408) {
  start(1, [](EngineSettings& settings) { settings.limits.body = Millis(50); });
  Client one = client();
  one.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n123");
  EXPECT_TRUE(one.read_until("HTTP/1.1 408 "));
  EXPECT_EQ(application_.calls, 0);
  one.close();
  EXPECT_TRUE(only_expired(Expiry::Body));
}

TEST_F(EngineLimits, AnApplicationHearsThatItsBodyIsTooSlow) {
  start(1, [](EngineSettings& settings) {
    settings.limits.body = Millis(50);
    settings.limits.min_rate_bytes_per_second = 1000;
  });
  Client one = client();
  one.send("POST /tell HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(one.read_until("100 Continue\r\n\r\n"));
  one.send("1");
  EXPECT_TRUE(one.read_until("state " + std::to_string(static_cast<int>(BodyState::TooSlow))));
}

TEST_F(EngineLimits, AReaderThatStopsIsCutOffAndTheSlotFreed) {
  start(1, [](EngineSettings& settings) {
    settings.limits.write = Millis(100);
    settings.limits.reply_ahead_bytes = 64 * 1024;
  });
  Client stopped(ports_[0], 4096);
  stopped.get("/big/100000000");
  EXPECT_TRUE(eventually([&] { return application_.running == 1; }));
  EXPECT_TRUE(eventually([&] { return application_.running == 0; })) << "await_room ends";
  Client other = client();
  other.get("/hello");
  EXPECT_TRUE(other.read_until("/hello"));
  EXPECT_LT(stopped.read_to_end(), 100000000U);
  EXPECT_TRUE(only_expired(Expiry::Write));
}

TEST_F(EngineLimits, SendingDoesNotExcuseAReaderThatStops) {
  start(1, [](EngineSettings& settings) {
    settings.limits.write = Millis(100);
    settings.limits.reply_ahead_bytes = 64 * 1024;
  });
  Client stopped(ports_[0], 4096);
  stopped.send(
      "POST /big/100000000 HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n"
      "Expect: 100-continue\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return application_.running == 1; }));
  EXPECT_TRUE(eventually([&] { return !stopped.send("drop by drop"); }));
  EXPECT_TRUE(eventually([&] { return application_.running == 0; }));
}

// ---- closing so that the answer arrives

TEST_F(EngineLimits, AnEarlyAnswerIsNotDestroyedByTheRestOfTheUpload) {
  start(1, [](EngineSettings& settings) {
    settings.limits.body_memory_bytes = 4096;
    settings.limits.body_spill_bytes = 4096;
  });
  for (int i = 0; i < 20; ++i) {
    Client one = client();
    const std::string part(200 * 1024, 'u');
    one.send("POST /early HTTP/1.1\r\nHost: t\r\nContent-Length: 10000000\r\n\r\n");
    EXPECT_TRUE(one.send(part)) << "while the answer is on its way";
    ASSERT_TRUE(one.read_until("HTTP/1.1 200 OK")) << i;
    ASSERT_TRUE(one.read_until("/early")) << i;
    one.read_to_end();
    EXPECT_TRUE(one.ended_cleanly());
  }
}

TEST_F(EngineLimits, AClientThatNeverStopsSendingIsNotListenedToForEver) {
  start(1, [](EngineSettings& settings) {
    settings.limits.body_memory_bytes = 4096;
    settings.limits.body_spill_bytes = 4096;
    settings.limits.linger_bytes = 100 * 1024;
    settings.limits.linger = Millis(100);
  });
  Client one = client();
  one.send("POST /early HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n");
  const std::string block(1024 * 1024, 'u');
  int sent = 0;
  while (sent < 500 && one.send(block)) ++sent;
  EXPECT_LT(sent, 500);
  EXPECT_TRUE(eventually([&] { return connections() == 0; }));
}

TEST_F(EngineLimits, AClientThatStaysAfterItsRefusalIsClosedInTheEnd) {
  start(1, [](EngineSettings& settings) { settings.limits.linger = Millis(50); });
  Client one = client();
  one.send("nonsense\r\n\r\n");
  EXPECT_TRUE(one.read_until("HTTP/1.1 400 "));
  EXPECT_TRUE(only_expired(Expiry::Linger));
  EXPECT_EQ(connections(), 0U);
}

TEST_F(EngineLimits, AClientThatEndsItsOutputIsAnsweredAndClosedAtOnce) {
  start(1);
  for (int i = 0; i < 50; ++i) {
    Client one = client();
    one.get("/hello");
    one.end_output();
    EXPECT_TRUE(one.read_until("/hello"));
    one.read_to_end();
    EXPECT_TRUE(one.ended_cleanly()) << "keepalive is longer than the bound";
  }
}

TEST_F(EngineLimits, TheEndOfAKeptConnectionIsSeenWithItsLastRequest) {
  start(1);
  for (int i = 0; i < 50; ++i) {
    Client one = client();
    one.get("/hello");
    EXPECT_TRUE(one.read_until("/hello"));
    one.get("/again");
    one.end_output();
    EXPECT_TRUE(one.read_until("/again"));
    one.read_to_end();
    EXPECT_TRUE(one.ended_cleanly());
  }
}

// ---- requests that nobody waits for

TEST_F(EngineLimits, AResetRequestInTheQueueIsNeverRun) {
  start(1);
  Client kept = client();
  kept.get("/hello");
  EXPECT_TRUE(kept.read_until("/hello"));
  std::vector<Client> busy;
  keep_busy(busy, 1);
  kept.get("/queued-on-a-kept-connection");
  Client fresh = client();
  fresh.get("/queued-on-a-fresh-one");
  settle_in_queue(2);
  kept.reset();
  fresh.reset();
  // The resets have been handled when a later client's request stands in the queue.
  Client later = client();
  later.get("/later");
  settle_in_queue(3);
  application_.open();
  EXPECT_TRUE(later.read_until("/later"));
  EXPECT_TRUE(busy[0].read_until("/hold"));
  EXPECT_FALSE(application_.has_run("/queued-on-a-kept-connection"));
  EXPECT_FALSE(application_.has_run("/queued-on-a-fresh-one"));
}

TEST_F(EngineLimits, ARefusedRequestWhoseClientHasGoneCostsNothing) {
  start(1, [](EngineSettings& settings) { settings.limits.queued_requests = 1; });
  std::vector<Client> busy;
  keep_busy(busy, 1);
  Client queued = client();
  queued.get("/queued");
  settle_in_queue(1);
  Client refused = client();
  refused.get("/refused");
  EXPECT_TRUE(refused.read_until("HTTP/1.1 503 "));
  EXPECT_TRUE(refused.read_until("Retry-After: "));
  for (int i = 0; i < 50; ++i) {
    Client gone = client();
    gone.get("/refused");
    gone.reset();
  }
  Client last = client();  // those before it have been taken when it is answered
  last.get("/refused");
  EXPECT_TRUE(last.read_until("HTTP/1.1 503 "));
  last.close();
  refused.close();
  application_.open();
  EXPECT_TRUE(queued.read_until("/queued"));
  queued.close();
  busy.clear();
  EXPECT_TRUE(eventually([&] {
    Client probe = client();  // counts are shown when the loop turns
    probe.get("/hello");
    return probe.read_until("/hello") && connections() <= 1;
  }));
  EXPECT_FALSE(application_.has_run("/refused"));
}

TEST_F(EngineLimits, AStreamToAClientThatLeftIsDiscarded) {
  start(2);
  Client gone = client();
  gone.get("/stream/100000/1");
  EXPECT_TRUE(gone.read_until("piece 3\n"));
  gone.reset();
  Client other = client();
  other.get("/hello");
  EXPECT_TRUE(other.read_until("/hello"));
  EXPECT_TRUE(eventually([&] { return application_.running == 0; }));
}

// ---- many

class OnePeer : public EngineLimits {
 protected:
  void start_with_two_each() {
    start(1, [](EngineSettings& settings) {
      settings.forwarded_allow_ips.clear();
      settings.limits.peer_connections = 2;
    });
  }
  std::uint64_t refused() { return board_->seat(seat_).clocks.peers_refused.get(); }
};

TEST_F(OnePeer, HoldsOpenAsManyConnectionsAsItMay) {
  start_with_two_each();
  std::vector<Client> two;
  for (int i = 0; i < 2; ++i) {
    two.push_back(client());
    two.back().get("/hello");
    EXPECT_TRUE(two.back().read_until("/hello"));
  }
  Client third = client();
  EXPECT_EQ(third.read_to_end(), 0U);
  EXPECT_TRUE(eventually([&] { return refused() == 1; }));
  two[0].get("/again");
  EXPECT_TRUE(two[0].read_until("/again"));
  two.pop_back();
  ASSERT_TRUE(eventually([&] { return connections() == 1; }));
  Client fourth = client();
  fourth.get("/hello");
  EXPECT_TRUE(fourth.read_until("/hello"));
}

TEST_F(OnePeer, WhoSpeaksForOthersMayHoldMore) {
  start(1, [](EngineSettings& settings) { settings.limits.peer_connections = 2; });
  std::vector<Client> many;
  for (int i = 0; i < 5; ++i) {
    many.push_back(client());
    many.back().get("/hello");
    EXPECT_TRUE(many.back().read_until("/hello"));
  }
  EXPECT_EQ(refused(), 0U);
}

TEST_F(EngineLimits, IdleConnectionsCostNoSlot) {
  start(1);
  std::vector<Client> idle;
  for (int i = 0; i < 200; ++i) {
    idle.push_back(client());
    if (i % 2 == 0) idle.back().get("/hello");
  }
  for (int i = 0; i < 200; i += 2) EXPECT_TRUE(idle[i].read_until("/hello"));
  Client one = client();
  one.get("/hello");
  EXPECT_TRUE(one.read_until("/hello"));
  EXPECT_TRUE(eventually([&] { return connections() == 201; }));
}

TEST_F(EngineLimits, AtItsConnectionLimitItLeavesTheOthersInTheKernelsQueue) {
  start(1, [](EngineSettings& settings) { settings.limits.connections = 3; });
  std::vector<Client> inside;
  for (int i = 0; i < 3; ++i) {
    inside.push_back(client());
    inside.back().get("/hold");
  }
  settle_in_queue(2);
  Client fourth = client();
  fourth.get("/fourth");
  const auto beat = [this] { return board_->seat(seat_).watchdog.engine_beat.get(); };
  EXPECT_TRUE(eventually([&, seen = beat()] { return beat() > seen; }));
  EXPECT_EQ(connections(), 3U);
  application_.open();
  for (Client& one : inside) EXPECT_TRUE(one.read_until("/hold"));
  EXPECT_TRUE(fourth.read_until("/fourth")) << "neither reset nor forgotten";
}

TEST_F(EngineLimits, AtItsConnectionLimitTheLongestIdleOneMakesRoom) {
  start(1, [](EngineSettings& settings) { settings.limits.connections = 3; });
  std::vector<Client> kept;
  for (int i = 0; i < 3; ++i) {
    kept.push_back(client());
    kept.back().get("/hello");
    EXPECT_TRUE(kept.back().read_until("/hello"));
  }
  kept[0].get("/again");
  EXPECT_TRUE(kept[0].read_until("/again"));
  Client fourth = client();
  fourth.get("/fourth");
  EXPECT_TRUE(fourth.read_until("/fourth"));
  EXPECT_EQ(kept[1].read_to_end(), 0U);
  EXPECT_TRUE(kept[1].ended_cleanly());
  for (const std::size_t still : {0U, 2U}) {
    kept[still].get("/still-here");
    EXPECT_TRUE(kept[still].read_until("/still-here"));
  }
}

TEST_F(EngineLimits, AtItsConnectionLimitThoseThatNeverSaidAnythingMakeRoom) {
  start(1, [](EngineSettings& settings) { settings.limits.connections = 3; });
  std::vector<Client> silent;
  for (int i = 0; i < 3; ++i) {
    silent.push_back(client());
    ASSERT_TRUE(eventually([&] { return connections() == silent.size(); }));
  }
  Client fourth = client();
  fourth.get("/fourth");
  EXPECT_TRUE(fourth.read_until("/fourth"));
  EXPECT_EQ(silent[0].read_to_end(), 0U);
  for (const std::size_t still : {1U, 2U}) {
    silent[still].get("/still-here");
    EXPECT_TRUE(silent[still].read_until("/still-here"));
  }
}

// So many descriptors that one more client can connect, and that connection cannot be accepted.
class DescriptorsRunOut : public EngineLimits {
 protected:
  void SetUp() override { ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0); }
  void TearDown() override {
    back_to_plenty();
    EngineLimits::TearDown();
  }
  void leave_one() {
    rlimit tight = before_;
    const Fd lowest_free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    tight.rlim_cur = static_cast<rlim_t>(lowest_free.get()) + 1;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  }
  void back_to_plenty() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  void let_the_loop_turn() {
    const auto beat = [this] { return board_->seat(seat_).watchdog.engine_beat.get(); };
    ASSERT_TRUE(eventually([&, seen = beat()] { return beat() > seen + 1; }));
  }

 private:
  rlimit before_{};
};

TEST_F(DescriptorsRunOut, AcceptingPausesAndGoesOn) {
  start(2);
  std::vector<Client> busy;
  keep_busy(busy, 1);
  leave_one();
  Client waiting = client();
  waiting.get("/late");
  let_the_loop_turn();
  EXPECT_FALSE(application_.has_run("/late"));
  application_.open();
  EXPECT_TRUE(busy[0].read_until("/hold")) << "what is connected is served";
  back_to_plenty();
  EXPECT_TRUE(waiting.read_until("/late"));
}

TEST_F(DescriptorsRunOut, AnIdleConnectionMakesRoom) {
  start(1);
  Client idle = client();
  idle.get("/hello");
  EXPECT_TRUE(idle.read_until("/hello"));
  leave_one();
  Client waiting = client();
  waiting.get("/at-once");
  EXPECT_TRUE(waiting.read_until("/at-once"));
  EXPECT_EQ(idle.read_to_end(), 0U);
  EXPECT_TRUE(idle.ended_cleanly());
}

TEST_F(EngineLimits, AFloodAtOneListenerDoesNotStarveTheOther) {
  start(1, {}, 2);
  std::vector<Client> flood;
  for (int i = 0; i < 200; ++i) flood.push_back(client(0));
  Client other = client(1);
  other.get("/other");
  EXPECT_TRUE(other.read_until("/other"));
  for (Client& one : flood) one.get("/hello");
  for (Client& one : flood) EXPECT_TRUE(one.read_until("/hello"));
}

// ---- accepting only what can be served soon

TEST_F(EngineLimits, WhileEverySlotWorksConnectionsAreTakenAfterAMoment) {
  start(1);
  std::vector<Client> busy;
  const Instant begun = now();
  keep_busy(busy, 1);
  Client next = client();
  next.get("/next");
  settle_in_queue(1);
  EXPECT_GE(now() - begun, Millis(50)) << "a sibling could have had it";
  application_.open();
  EXPECT_TRUE(next.read_until("/next"));
}

TEST_F(EngineLimits, WhileASiblingIsFreeConnectionsAreLeftToIt) {
  start(1);
  const unsigned sibling = board_->take_seat().value();
  board_->seat(sibling).set_state(SeatState::Ready);
  board_->seat(sibling).engine.free_slots.set(1);
  std::vector<Client> busy;
  keep_busy(busy, 1);
  Client next = client();
  next.get("/next");
  // Twice the patience, on the engine's own clock: its watchdog beats every 100 ms.
  const auto beat = [this] { return board_->seat(seat_).watchdog.engine_beat.get(); };
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(eventually([&, seen = beat()] { return beat() > seen; }));
  }
  EXPECT_EQ(connections(), 1U);
  board_->seat(sibling).engine.free_slots.set(0);
  settle_in_queue(1);
  application_.open();
  EXPECT_TRUE(next.read_until("/next"));
}

// ---- bodies on disk

TEST_F(EngineLimits, WithoutAFolderForSpillingABodyIsKeptInAFileOfMemory) {
  start(1, [](EngineSettings& settings) {
    settings.limits.body_memory_bytes = 4096;
    settings.spill_directory = "/proc";  // nobody can make a file there
  });
  Client one = client();
  std::string body;
  for (int i = 0; i < 30000; ++i) body += std::to_string(i) + ",";
  std::thread sender([&] {
    one.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body);
  });
  EXPECT_TRUE(one.read_until(body));
  sender.join();
}

}  // namespace
}  // namespace winghorn
