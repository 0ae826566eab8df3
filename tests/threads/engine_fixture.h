// engine_fixture.h: an engine with real sockets and threads, clients for it, and somebody who plays the
// arbiter. Every wait has a bound; nothing here sleeps.
// SPDX-License-Identifier: MIT
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/engine/engine.h"
#include "core/net/lifeline.h"
#include "fake_application.h"
#include "support/limits.h"

namespace winghorn::testing {

constexpr Seconds kBound{30};

// False when the bound was over first.
template <class Condition>
bool eventually(Condition condition) {
  const Instant until = now() + kBound;
  while (!condition()) {
    if (now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

class FakeEvents final : public WorkerEvents {
 public:
  std::string stacks() override { return "the stacks"; }
  void reopen_logs() override { ++reopened; }
  bool start_slot(unsigned slot) override {
    wanted_slot = static_cast<int>(slot);
    return start_thread ? start_thread(slot) : false;
  }
  [[noreturn]] void leave(int code) override {
    left.store(code);
    while (true) ::pause();  // a real worker is gone by now
  }
  std::atomic<int> reopened{0};
  std::atomic<int> left{-1};
  std::atomic<int> wanted_slot{-1};
  std::function<bool(unsigned)> start_thread;
};

// A blocking client with a bound on every wait.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_buffer = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval bound{kBound.count(), 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    if (receive_buffer > 0) {
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = socket_ && ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                                      sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  // False when the connection broke before all of it was taken.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void get(std::string_view path, std::string_view more = "") {
    send("GET " + std::string(path) + " HTTP/1.1\r\nHost: t\r\n" + std::string(more) + "\r\n");
  }
  // Until `text` has arrived, the connection ends, or the bound is over.
  bool read_until(std::string_view text) {
    std::array<char, 65536> block{};
    while (seen_.find(text) == std::string::npos) {
      const ssize_t count = ::recv(socket_.get(), block.data(), block.size(), 0);
      if (count <= 0) return false;
      seen_.append(block.data(), static_cast<std::size_t>(count));
    }
    seen_.erase(0, seen_.find(text) + text.size());
    return true;
  }
  // Like read_until(); everything up to and with `text`, or nothing.
  std::string read_through(std::string_view text) {
    std::array<char, 65536> block{};
    while (seen_.find(text) == std::string::npos) {
      const ssize_t count = ::recv(socket_.get(), block.data(), block.size(), 0);
      if (count <= 0) return {};
      seen_.append(block.data(), static_cast<std::size_t>(count));
    }
    std::string all = seen_.substr(0, seen_.find(text) + text.size());
    seen_.erase(0, all.size());
    return all;
  }
  bool read_exactly(std::size_t count, std::string& into) {
    std::array<char, 65536> block{};
    while (seen_.size() < count) {
      const ssize_t got = ::recv(socket_.get(), block.data(), block.size(), 0);
      if (got <= 0) return false;
      seen_.append(block.data(), static_cast<std::size_t>(got));
    }
    into = seen_.substr(0, count);
    seen_.erase(0, count);
    return true;
  }
  std::size_t read_to_end() {
    std::array<char, 65536> block{};
    std::size_t total = 0;
    ssize_t count = 0;
    while ((count = ::recv(socket_.get(), block.data(), block.size(), 0)) > 0) {
      total += static_cast<std::size_t>(count);
      if (total < 65536) seen_.append(block.data(), static_cast<std::size_t>(count));
    }
    ended_cleanly_ = count == 0;
    return total;
  }
  // After read_to_end(): by an end of stream, not by a reset or the bound.
  bool ended_cleanly() const { return ended_cleanly_; }
  bool has_input() {
    pollfd one{socket_.get(), POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
  }
  const std::string& seen() const { return seen_; }
  void end_output() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() { socket_.reset(); }
  // The server sees a reset, not an end.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket_.reset();
  }

 private:
  Fd socket_;
  bool connected_ = false;
  bool ended_cleanly_ = false;
  std::string seen_;
};

// On a port that the kernel chooses; adds it to `ports`.
inline ListeningSocket listen_somewhere(std::vector<std::uint16_t>& ports) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(socket.get(), 512), 0);
  socklen_t length = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  ports.push_back(ntohs(address.sin_port));
  return {std::move(socket), "127.0.0.1", std::to_string(ports.back()), false};
}

class EngineTest : public ::testing::Test {
 protected:
  void start(unsigned slots, const std::function<void(EngineSettings&)>& change = {},
             int listeners = 1) {
    EngineSettings settings;
    settings.limits = wide_limits();
    settings.slots = slots;
    settings.stuck_means_the_call = slots == 1;
    if (change) change(settings);
    board_.emplace(
        std::move(Scoreboard::create(4, slots + settings.request_times.stuck_slots)).value());
    seat_ = board_->take_seat().value();
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()), 0);
    arbiter_end_ = Fd(pair[0]);
    std::vector<ListeningSocket> sockets;
    for (int i = 0; i < listeners; ++i) sockets.push_back(listen_somewhere(ports_));
    engine_ =
        Engine::create(settings,
                       {*board_, seat_, Fd(pair[1]), std::move(sockets), {}, std::move(signals_)},
                       application_, events_)
            .value();
    ASSERT_TRUE(engine_->start().ok());
    for (unsigned slot = 0; slot < slots; ++slot) {
      threads_.emplace_back([this, slot] { engine_->run_slot(slot); });
    }
  }

  // Whether the worker has asked for its successor by now.
  bool has_asked_for_successor() {
    char word = 0;
    while (::recv(arbiter_end_.get(), &word, 1, MSG_DONTWAIT) == 1) {
      if (word == static_cast<char>(Report::Recycle)) return true;
    }
    return false;
  }
  void order(char what) { ASSERT_EQ(::send(arbiter_end_.get(), &what, 1, 0), 1); }

  // Everything returned by itself.
  void expect_end() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    engine_->join();
    engine_.reset();
  }
  void stop() {
    if (engine_ == nullptr) return;
    order('T');
    expect_end();
  }
  void TearDown() override { stop(); }

  // For death tests, in whose child leave() does not end the process: says how the child did, and goes. What it has
  // found wrong is seen only on standard error.
  [[noreturn]] static void report() {
    const auto& found = *::testing::UnitTest::GetInstance()->current_test_info()->result();
    for (int i = 0; i < found.total_part_count(); ++i) {
      const auto& part = found.GetTestPartResult(i);
      if (part.failed()) std::fprintf(stderr, "line %d: %s\n", part.line_number(), part.message());
    }
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }

  Client client(std::size_t listener = 0) { return Client(ports_[listener]); }
  bool connects() { return client().connected(); }
  // How many connections the worker last said that it has.
  std::uint64_t connections() const { return board_->seat(seat_).engine.connections.get(); }

  FakeApplication application_;
  FakeEvents events_;
  std::optional<Scoreboard> board_;
  unsigned seat_ = 0;
  Fd arbiter_end_;
  Fd signals_;  // given to the engine by start()
  std::vector<std::uint16_t> ports_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::thread> threads_;
};

}  // namespace winghorn::testing
