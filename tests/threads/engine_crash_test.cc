// SPDX-License-Identifier: MIT
// A crash, as its handler reports it, beside whatever else an engine does. In children: nobody comes back.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::EngineTest;
using testing::eventually;

class EngineCrashDeathTest : public EngineTest {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  void crash() { engine_->crash({.signal = SIGSEGV, .is_fault = true, .address = 16}); }
  // As the process's end would: of those, too, that were left alone.
  void end_connections() {
    for (int descriptor = 3; descriptor < 256; ++descriptor) {
      sockaddr_in end{};
      socklen_t size = sizeof end;
      const bool is_tcp =
          ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&end), &size) == 0 &&
          end.sin_family == AF_INET;
      if (is_tcp && ntohs(end.sin_port) == ports_[0]) ::shutdown(descriptor, SHUT_RDWR);
    }
  }
};

// Every reply is whole, and the last thing that a client gets is one, a page, or nothing.
bool is_in_order(const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (text.compare(at, 9, "HTTP/1.1 ") != 0) return false;
    const std::size_t length_at = text.find("Content-Length: ", at);
    const std::size_t body = text.find("\r\n\r\n", at);
    if (body == std::string::npos || length_at > body) return false;
    const bool is_last = text.compare(at + 9, 3, "200") != 0;
    at = body + 4 + std::stoul(text.substr(length_at + 16));
    if (is_last && at != text.size()) return false;
  }
  return at == text.size();
}

TEST_F(EngineCrashDeathTest, AnswersWhoRunsAndWhoWaits) {
  const auto scene = [this] {
    start(2);
    std::vector<Client> running;
    for (int i = 0; i < 2; ++i) running.push_back(client());
    for (Client& one : running) one.get("/hold");
    EXPECT_TRUE(eventually([&] { return application_.running == 2; }));
    Client queued = client();
    queued.get("/queued");
    EXPECT_TRUE(eventually(
        [&] { return connections() == 3 && board_->seat(seat_).engine.queued.get() == 1; }));
    crash();
    for (Client& one : running) EXPECT_TRUE(one.read_until("HTTP/1.1 502 Bad Gateway\r\n"));
    EXPECT_TRUE(queued.read_until("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_TRUE(queued.read_until("Retry-After: 1\r\n"));
    queued.read_to_end();
    EXPECT_TRUE(queued.ended_cleanly());
    application_.open();
    EXPECT_TRUE(eventually([&] { return application_.running == 0; }));
    EXPECT_FALSE(application_.has_run("/queued"));
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

TEST_F(EngineCrashDeathTest, AStreamIsCut) {
  const auto scene = [this] {
    start(2);
    Client stream = client();
    stream.get("/stream/1000000/1");
    EXPECT_TRUE(stream.read_until("piece 3\n"));
    crash();
    stream.read_to_end();
    EXPECT_EQ(stream.seen().find("HTTP/1.1 "), std::string::npos);
    EXPECT_EQ(stream.seen().find("\r\n0\r\n"), std::string::npos);
    report();
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

// At any moment of the loop's work: in it, beside it, while it changes hands.
TEST_F(EngineCrashDeathTest, LeavesNoReplyInPieces) {
  const auto scene = [this] {
    start(3);
    std::atomic<int> replies{0};
    std::vector<std::thread> clients;
    for (int c = 0; c < 6; ++c) {
      clients.emplace_back([this, c, &replies] {
        Client one = client();
        std::string all;
        for (std::string next = "/"; !next.empty();) {
          one.get(c % 2 == 0 ? "/hello" : "/sleep/12");
          if (one.seen().empty() && !one.connected()) return;
          next = one.read_through(c % 2 == 0 ? "\r\n\r\n/hello" : "\r\n\r\n/sleep/12");
          all += next;
          ++replies;
        }
        EXPECT_TRUE(is_in_order(all + one.seen())) << one.seen();
      });
    }
    EXPECT_TRUE(eventually([&] { return replies > 300; }));
    crash();
    end_connections();
    for (std::thread& one : clients) one.join();
    report();
  };
  for (int round = 0; round < 5; ++round) {
    EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "") << round;
  }
}

}  // namespace
}  // namespace winghorn
