// SPDX-License-Identifier: MIT
// Two engines as two workers: what one cannot begin the other does, connection and all. Runs under TSan.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::eventually;
using testing::FakeApplication;
using testing::FakeEvents;

Fd copy_of(int fd) { return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

// One worker of several, in a process of its own but for the fork.
struct Worker {
  FakeApplication application;
  FakeEvents events;
  unsigned seat = 0;
  Fd arbiter_end;
  std::unique_ptr<Engine> engine;
  std::vector<std::thread> threads;

  void say(Order order) const { ASSERT_TRUE(say_order(arbiter_end.get(), order)); }
  // It had been told to go.
  void expect_end() {
    for (std::thread& thread : threads) thread.join();
    threads.clear();
    if (engine != nullptr) engine->join();
    engine.reset();
  }
};

// Each worker has a listener of its own here, so that a client chooses whom it meets first.
class EngineHandover : public ::testing::Test {
 protected:
  void start(std::size_t count, const std::function<void(EngineSettings&)>& change = {},
             unsigned slots = 1) {
    EngineSettings settings;
    settings.limits = wide_limits();
    settings.slots = slots;
    settings.stuck_means_the_call = slots == 1;
    if (change) change(settings);
    for (std::size_t i = 0; i < count; ++i) add_worker(settings);
  }

  void add_worker(const EngineSettings& settings) {
    Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
    worker.seat = board_.take_seat().value();
    Lifeline lifeline = make_lifeline().value();
    worker.arbiter_end = std::move(lifeline.arbiter_end);
    Engine::Place place{board_, worker.seat, std::move(lifeline.worker_end), {}};
    place.listeners.push_back(testing::listen_somewhere(ports_));
    place.siblings = FdChannel(copy_of(channel_.sending_end()), copy_of(channel_.receiving_end()));
    worker.engine =
        Engine::create(settings, std::move(place), worker.application, worker.events).value();
    ASSERT_TRUE(worker.engine->start().ok());
    for (unsigned slot = 0; slot < settings.slots; ++slot) {
      worker.threads.emplace_back([&worker, slot] { worker.engine->run_slot(slot); });
    }
    board_.seat(worker.seat).set_state(SeatState::Ready);
  }

  void TearDown() override {
    for (auto& worker : workers_) worker->application.open();
    for (auto& worker : workers_) {
      board_.seat(worker->seat).set_state(SeatState::Retiring);
      if (worker->engine != nullptr) worker->say(Order::Retire);
    }
    for (auto& worker : workers_) worker->expect_end();
    EXPECT_FALSE(inbox_is_readable()) << "nothing is left behind";
  }

  Client client(std::size_t worker) { return Client(ports_[worker]); }
  Worker& worker(std::size_t number) { return *workers_[number]; }
  auto& counts(std::size_t number) { return board_.seat(worker(number).seat).engine; }

  // A connection that this worker has, idle and kept.
  Client known_client(std::size_t at) {
    Client one = client(at);
    one.get("/hello");
    EXPECT_TRUE(one.read_until("/hello"));
    return one;
  }
  // So that what comes next finds no slot free there.
  Client keep_busy(std::size_t at) {
    Client one = client(at);
    const int before = worker(at).application.running;
    one.get("/hold");
    EXPECT_TRUE(eventually([&] { return worker(at).application.running == before + 1; }));
    EXPECT_TRUE(eventually([&] { return counts(at).free_slots.get() == 0; })) << "and says so";
    return one;
  }
  // Worker 0 believes that worker 1 is free, as it might have been a moment ago.
  void hand_over_in_vain(Client& client) {
    client.get("/late");
    EXPECT_TRUE(eventually([&] {
      counts(1).free_slots.set(1);
      return counts(0).handed_over.get() == 1;
    }));
  }
  bool inbox_is_readable() const {
    pollfd one{channel_.receiving_end(), POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
  }

  Scoreboard board_ = Scoreboard::create(8, 4).value();
  FdChannel channel_ = FdChannel::create().value();
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

TEST_F(EngineHandover, ARequestThatFindsItsWorkerBusyIsServedByAnother) {
  start(2);
  Client kept = known_client(0);
  const Client busy = keep_busy(0);
  kept.get("/elsewhere");
  EXPECT_TRUE(kept.read_until("/elsewhere"));
  EXPECT_TRUE(worker(1).application.has_run("/elsewhere"));
  EXPECT_FALSE(worker(0).application.has_run("/elsewhere"));
}

TEST_F(EngineHandover, TheConnectionStaysWithItsNewWorker) {
  start(2);
  Client kept = known_client(0);
  const Client busy = keep_busy(0);
  for (int i = 0; i < 50; ++i) {
    const std::string path = "/request-" + std::to_string(i) + ".";
    kept.get(path);
    ASSERT_TRUE(kept.read_until(path)) << i;
  }
  EXPECT_TRUE(eventually([&] { return counts(0).handed_over.get() == 1; }));
  EXPECT_EQ(counts(1).taken_in.get(), 1U);
}

TEST_F(EngineHandover, EachEndCanBeTheOtherNextTime) {
  start(2);
  Client kept = known_client(0);
  for (int i = 0; i < 6; ++i) {
    const auto owner = static_cast<std::size_t>(i % 2);
    Client busy = keep_busy(owner);
    kept.get("/over-there");
    ASSERT_TRUE(kept.read_until("/over-there")) << i;
    worker(owner).application.open();
    ASSERT_TRUE(busy.read_until("/hold"));
    worker(owner).application.close();
  }
  EXPECT_GE(counts(0).handed_over.get(), 3U);
  EXPECT_GE(counts(1).handed_over.get(), 2U);
}

TEST_F(EngineHandover, WhatIsSentBehindTheRequestGoesAlongInOrder) {
  start(2);
  Client kept = known_client(0);
  const Client busy = keep_busy(0);
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += "GET /n" + std::to_string(i) + "/ HTTP/1.1\r\nHost: t\r\n\r\n";
  }
  kept.send(all);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(kept.read_until("/n" + std::to_string(i) + "/")) << i;
}

struct Body {
  const char* name;
  std::size_t bytes;
  bool chunked;
};
void PrintTo(const Body& body, std::ostream* out) { *out << body.name; }

class EngineHandoverOfBody : public EngineHandover, public ::testing::WithParamInterface<Body> {};

// In the message, in a file made for it, in the file that holds the rest of a body; and sized and chunked.
TEST_P(EngineHandoverOfBody, ArrivesWhole) {
  start(2, [](EngineSettings& settings) { settings.limits.body_memory_bytes = 64UL * 1024; });
  Client kept = known_client(0);
  const Client busy = keep_busy(0);
  std::string body;
  for (std::size_t i = 0; body.size() < GetParam().bytes; ++i) body += std::to_string(i) + ",";
  std::thread sender([&] {
    const std::string head = "POST /echo HTTP/1.1\r\nHost: t\r\n";
    if (GetParam().chunked) {
      std::string half(body.substr(0, body.size() / 2));
      std::string rest(body.substr(half.size()));
      const auto chunk = [](const std::string& text) {
        return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
      };
      kept.send(head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(half) + chunk(rest) +
                "0\r\n\r\n");
    } else {
      kept.send(head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }
    kept.get("/behind-it");
  });
  EXPECT_TRUE(kept.read_until("\r\n\r\n" + body));
  EXPECT_TRUE(kept.read_until("/behind-it"));
  sender.join();
  EXPECT_TRUE(worker(1).application.has_run("/echo"));
}

INSTANTIATE_TEST_SUITE_P(Bodies, EngineHandoverOfBody,
                         ::testing::Values(Body{"Small", 100, false},
                                           Body{"SmallChunked", 100, true},
                                           Body{"InAFileOfMemory", 40'000, false},
                                           Body{"Spilled", 1'000'000, false},
                                           Body{"SpilledChunked", 1'000'000, true}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(EngineHandover, ABodyThatIsStillOnItsWayStays) {
  start(2);
  Client kept = known_client(0);
  Client busy = keep_busy(0);
  kept.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return counts(0).queued.get() == 1; }));
  // Those behind it are not kept from going.
  Client other = client(0);
  worker(1).application.open();
  other.get("/other");
  worker(0).application.open();
  EXPECT_TRUE(kept.read_until("100 Continue\r\n\r\n"));
  kept.send("12345");
  EXPECT_TRUE(kept.read_until("\r\n\r\n12345"));
  EXPECT_TRUE(other.read_until("/other"));
  EXPECT_TRUE(worker(0).application.has_run("/echo"));
}

TEST_F(EngineHandover, WhileNobodyIsFreeItWaitsWhereItIsAndGoesToWhoeverIsFreeFirst) {
  start(2);
  Client kept = known_client(0);
  Client busy = keep_busy(0);
  Client also_busy = keep_busy(1);
  kept.get("/waits");
  ASSERT_TRUE(eventually([&] { return counts(0).queued.get() == 1; }));
  EXPECT_TRUE(eventually([&] { return counts(0).oldest_waiting.get() != 0; }));
  worker(1).application.open();
  EXPECT_TRUE(kept.read_until("/waits"));
  EXPECT_TRUE(worker(1).application.has_run("/waits"));
}

TEST_F(EngineHandover, ItsAgeTravelsAlong) {
  start(2, [](EngineSettings& settings) { settings.request_times.timeout = Millis(400); });
  Client kept = known_client(0);
  Client busy = keep_busy(0);
  Client also_busy = keep_busy(1);
  const Instant begun = now();
  kept.get("/obey-waits");
  ASSERT_TRUE(eventually([&] { return now() - begun > Millis(200); }));
  worker(1).application.open();
  EXPECT_TRUE(kept.read_until("HTTP/1.1 504 "));
  EXPECT_LT(now() - begun, Millis(600)) << "its time did not begin again";
  EXPECT_TRUE(worker(1).application.has_run("/obey-waits"));
}

TEST_F(EngineHandover, AWorkerThatIsToGoGivesItsQueueAway) {
  start(2);
  Client kept = known_client(0);
  Client busy = keep_busy(0);
  Client also_busy = keep_busy(1);
  kept.get("/waits");
  ASSERT_TRUE(eventually([&] { return counts(0).queued.get() == 1; }));
  board_.seat(worker(0).seat).set_state(SeatState::Retiring);
  worker(0).say(Order::Retire);
  worker(1).application.open();
  EXPECT_TRUE(kept.read_until("/waits"));
  EXPECT_TRUE(worker(1).application.has_run("/waits"));
  worker(0).application.open();
  EXPECT_TRUE(busy.read_until("/hold"));
  worker(0).expect_end();
}

TEST_F(EngineHandover, TheLastWorkerTakesWhatLiesThere) {
  start(2);
  // Nobody reads: the other is busy by the time that the message comes.
  Client kept = known_client(0);
  Client busy = keep_busy(0);
  Client also_busy = keep_busy(1);
  hand_over_in_vain(kept);
  for (const std::size_t i : {0U, 1U}) {
    board_.seat(worker(i).seat).set_state(SeatState::Retiring);
    worker(i).say(Order::Stop);
  }
  for (const std::size_t i : {0U, 1U}) worker(i).application.open();
  EXPECT_TRUE(kept.read_until("/late"));
}

TEST_F(EngineHandover, AClientThatLeavesWhileItsRequestLiesThereIsNoTrouble) {
  start(2);
  Client kept = known_client(0);
  Client busy = keep_busy(0);
  Client also_busy = keep_busy(1);
  hand_over_in_vain(kept);
  kept.reset();
  worker(1).application.open();
  EXPECT_TRUE(also_busy.read_until("/hold"));
  Client next = client(1);
  next.get("/next");
  EXPECT_TRUE(next.read_until("/next"));
  EXPECT_TRUE(eventually([&] { return counts(1).connections.get() <= 2; }));
}

TEST_F(EngineHandover, UnderLoadEveryRequestIsAnsweredOnce) {
  start(3, {}, 2);
  constexpr int kClients = 12;
  constexpr int kRequests = 100;
  std::vector<std::thread> clients;
  std::atomic<int> answered{0};
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      Client one = client(static_cast<std::size_t>(c % 2));
      for (int i = 0; i < kRequests; ++i) {
        const std::string path = i % 25 == c ? "/sleep/40" : fmt::format("/hello/{}-{}.", c, i);
        one.get(path);
        answered += one.read_until(path) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(answered, kClients * kRequests);
  int calls = 0;
  for (auto& worker : workers_) calls += worker->application.calls;
  EXPECT_EQ(calls, kClients * kRequests);
}

TEST_F(EngineHandover, WithoutDescriptorsItLiesThereUntilThereAreSome) {
  start(2);
  Client kept = known_client(0);
  Client busy = keep_busy(0);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  {
    const Fd lowest_free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    tight.rlim_cur = static_cast<rlim_t>(lowest_free.get());
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  kept.get("/late");
  ASSERT_TRUE(eventually([&] { return counts(0).handed_over.get() == 1; }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(kept.read_until("/late"));
}

}  // namespace
}  // namespace winghorn
