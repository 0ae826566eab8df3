// SPDX-License-Identifier: MIT
// Several things at once: long calls passed on, streams with slow readers, bodies that are waited for, and
// all of it mixed at random. Whatever happens, each client gets exactly its own answers.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::EngineTest;
using testing::eventually;

class EngineLoad : public EngineTest {};

TEST_F(EngineLoad, LongCallsPassTheLoopOnAndRunSideBySide) {
  start(4);
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(client());
  for (int round = 0; round < 30; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      clients[i].get("/sleep/4/" + std::to_string(i) + "." + std::to_string(round) + "!");
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      ASSERT_TRUE(
          clients[i].read_until("/" + std::to_string(i) + "." + std::to_string(round) + "!"));
    }
  }
  EXPECT_GE(application_.most_running, 3);
  EXPECT_EQ(application_.calls, 120);
}

TEST_F(EngineLoad, ASlotThatWaitsForABodyHoldsNobodyUp) {
  start(1);
  Client waits = client();
  waits.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(waits.read_until("100 Continue\r\n\r\n"));
  // Its one slot is taken: others are at least connected, read and answered when it is free.
  Client other = client();
  other.get("/other");
  ASSERT_TRUE(eventually([&] { return board_->seat(seat_).engine.queued.get() == 1; }));
  waits.send("hello");
  EXPECT_TRUE(waits.read_until("hello"));
  EXPECT_TRUE(other.read_until("/other"));
}

TEST_F(EngineLoad, AStreamIsHeldBackByItsReaderAndArrivesWhole) {
  start(2, [](EngineSettings& settings) { settings.limits.reply_ahead_bytes = 128 * 1024; });
  Client slow(ports_[0], 4096);
  slow.get("/big/20000000", "Connection: close\r\n");
  ASSERT_TRUE(eventually([&] { return application_.running == 1; }));
  Client other = client();
  for (int i = 0; i < 20; ++i) {
    other.get("/hello");
    EXPECT_TRUE(other.read_until("/hello"));
  }
  EXPECT_EQ(application_.running, 1) << "held back, not kept in memory";
  EXPECT_TRUE(slow.read_until("\r\n\r\n"));
  const std::size_t already = slow.seen().size();
  EXPECT_EQ(slow.read_to_end() + already, 20000000U);
}

// One client's life: requests of all kinds, answered in order, now and then a new connection.
class RandomClient {
 public:
  RandomClient(std::uint16_t port, unsigned seed)
      : port_(port), name_("c" + std::to_string(seed)), random_(seed) {}

  // How many answers were not its own.
  int live_until(Instant end) {
    int wrong = 0;
    for (int i = 0; now() < end; ++i) {
      if (!client_ || !client_->connected()) client_.emplace(port_);
      const std::string mine = name_ + "i" + std::to_string(i) + ".";
      switch (random_() % 10) {
        case 0:
          wrong += plain("/sleep/12/" + mine);
          break;
        case 1:
          wrong += plain("/spin/2/" + mine);
          break;
        case 2:
          wrong += echo(mine, random_() % 3 == 0);
          break;
        case 3:
          wrong += pipelined(mine);
          break;
        case 4:
          wrong += stream();
          break;
        case 5:
          leave(mine);
          break;
        default:
          wrong += plain("/hello/" + mine);
      }
      ++requests;
    }
    return wrong;
  }
  int requests = 0;

 private:
  int plain(const std::string& path) {
    client_->get(path);
    return expect_body(path);
  }

  int pipelined(const std::string& mine) {
    std::string all;
    for (int i = 0; i < 4; ++i) {
      all += "GET /p" + std::to_string(i) + mine + " HTTP/1.1\r\nHost: t\r\n\r\n";
    }
    client_->send(all);
    int wrong = 0;
    for (int i = 0; i < 4; ++i) wrong += expect_body("/p" + std::to_string(i) + mine);
    return wrong;
  }

  int echo(const std::string& mine, bool waits) {
    std::string body = mine;
    while (body.size() < 300000 && random_() % 16 != 0) body += body;
    client_->send(
        "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) +
        (waits ? "\r\nExpect: 100-continue" : "") + "\r\n\r\n");
    if (waits && client_->read_through("\r\n\r\n") != "HTTP/1.1 100 Continue\r\n\r\n") return 1;
    client_->send(body);
    return expect_body(body);
  }

  int stream() {
    client_->get("/stream/4/3");
    const std::string head = client_->read_through("\r\n\r\n");
    if (!head.starts_with("HTTP/1.1 200 OK\r\n")) return 1;
    const std::string body = "piece 0\npiece 1\npiece 2\npiece 3\n";
    std::string got;
    // One that was done before anybody looked has a length instead of chunks.
    const bool chunked = head.find("chunked") != std::string::npos;
    const bool read = chunked ? read_chunks(got) : client_->read_exactly(body.size(), got);
    return read && got == body ? 0 : 1;
  }

  // Pieces may share a chunk: where it ends is the server's business.
  bool read_chunks(std::string& into) {
    while (true) {
      const std::string line = client_->read_through("\r\n");
      if (line.empty()) return false;
      const std::size_t size = std::stoul(line, nullptr, 16);
      std::string chunk;
      if (!client_->read_exactly(size + 2, chunk)) return false;
      if (size == 0) return true;
      into.append(chunk, 0, size);
    }
  }

  // In the middle of something.
  void leave(const std::string& mine) {
    switch (random_() % 4) {
      case 0:
        client_->get("/sleep/8/" + mine);
        break;
      case 1:
        client_->get("/big/3000000");
        break;
      case 2:
        client_->send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n" + mine);
        break;
      default:
        client_->send("GET /half");
    }
    if (random_() % 2 == 0) client_->reset();
    client_.reset();
  }

  // The next answer is exactly this: nothing of another's before it, its length its own.
  int expect_body(const std::string& body) {
    const std::string head = client_->read_through("\r\n\r\n");
    if (!head.starts_with("HTTP/1.1 200 OK\r\n")) return 1;
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (head.find(length) == std::string::npos) return 1;
    std::string got;
    if (!client_->read_exactly(body.size(), got)) return 1;
    return got == body ? 0 : 1;
  }

  std::uint16_t port_;
  std::string name_;
  std::mt19937 random_;
  std::optional<Client> client_;
};

class MixedLoad : public EngineLoad, public ::testing::WithParamInterface<unsigned> {};

TEST_P(MixedLoad, EveryClientGetsItsOwnAnswers) {
  start(GetParam(), [](EngineSettings& settings) {
    settings.limits.body_memory_bytes = 16 * 1024;
    settings.limits.reply_ahead_bytes = 64 * 1024;
  });
  const Instant end = now() + Seconds(3);
  std::atomic<int> wrong{0};
  std::atomic<int> requests{0};
  std::vector<std::thread> clients;
  for (unsigned seed = 0; seed < 10; ++seed) {
    clients.emplace_back([&, seed] {
      RandomClient one(ports_[0], seed);
      wrong += one.live_until(end);
      requests += one.requests;
    });
  }
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(requests, 100);
  // Nobody's descriptor was kept.
  EXPECT_TRUE(eventually([&] {
    Client probe = client();
    probe.get("/hello");
    return probe.read_until("/hello") && connections() <= 1;
  }));
}

INSTANTIATE_TEST_SUITE_P(Slots, MixedLoad, ::testing::Values(1U, 2U, 4U));

}  // namespace
}  // namespace winghorn
