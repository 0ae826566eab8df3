// SPDX-License-Identifier: MIT
#include "supervisor/own_listeners.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "core/net/accepting.h"

namespace winghorn::supervisor {
namespace {

const BindOptions kShared{.reuse_port = true};

ListenAddress tcp4(std::uint16_t port) {
  return {.kind = AddressKind::Tcp4, .host = "127.0.0.1", .port = port};
}

Fd connected(std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) return {};
  return socket;
}

bool has_waiting(const std::vector<Listener>& listeners) {
  Accepted accepted;
  return accept_one(listeners[0].fd(), accepted) == AcceptOutcome::Taken;
}

class Reserved : public testing::Test {
 protected:
  void SetUp() override {
    Result<Listener> bound = Listener::bind(tcp4(0), kShared);
    ASSERT_TRUE(bound) << bound.error().text();
    port_ = bound.value().bound().port;
    held_.push_back(std::move(bound).value());
  }
  // What a worker has inherited, and made of it.
  std::vector<Listener> workers() const {
    std::vector<Listener> own;
    Result<Listener> beside = held_[0].beside();
    EXPECT_TRUE(beside) << beside.error().text();
    own.push_back(std::move(beside).value());
    return own;
  }

  std::uint16_t port_ = 0;
  std::vector<Listener> held_;
};

TEST_F(Reserved, AddressServesNobodyByItself) {
  EXPECT_TRUE(held_[0].is_reserved());
  EXPECT_EQ(held_[0].display(), "http://127.0.0.1:" + std::to_string(port_));
  EXPECT_FALSE(connected(port_));
}

TEST_F(Reserved, AddressIsForNobodyElse) {
  const Result<Listener> early = Listener::bind(tcp4(port_), {});
  ASSERT_FALSE(early) << "nobody listens yet, and it is taken all the same";
  EXPECT_EQ(early.error().code, EADDRINUSE);
  std::vector<Listener> own = workers();
  ASSERT_TRUE(own[0].listen(16));
  for (const BindOptions& options : {BindOptions{}, kShared}) {
    const Result<Listener> stranger = Listener::bind(tcp4(port_), options);
    ASSERT_FALSE(stranger);
    EXPECT_EQ(stranger.error().code, EADDRINUSE);
  }
}

TEST_F(Reserved, EachWorkerListensForItself) {
  std::vector<Listener> one = workers();
  std::vector<Listener> other = workers();
  EXPECT_TRUE(one[0].is_own());
  EXPECT_EQ(one[0].bound(), held_[0].bound());
  ASSERT_TRUE(one[0].listen(16));
  std::vector<Fd> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(connected(port_));
    ASSERT_TRUE(clients.back()) << "one that does not listen yet is given nobody";
    EXPECT_TRUE(has_waiting(one));
  }
  one.clear();
  EXPECT_FALSE(connected(port_));
  ASSERT_TRUE(other[0].listen(16));
  EXPECT_TRUE(connected(port_));
}

TEST_F(Reserved, OnesPlaceIsTakenByOnesOwn) {
  const int before = held_[0].fd();
  ASSERT_TRUE(bind_own(held_));
  EXPECT_TRUE(held_[0].is_own());
  EXPECT_FALSE(held_[0].is_reserved());
  EXPECT_NE(held_[0].fd(), before);
  ASSERT_TRUE(held_[0].listen(16));
  EXPECT_TRUE(connected(port_));
}

TEST_F(Reserved, NewcomersThatAreHeldBackComeToAnother) {
  std::vector<Listener> leaving = workers();
  ASSERT_TRUE(leaving[0].listen(16));
  const Fd early = connected(port_);
  hold_newcomers(leaving[0].fd());
  const Fd late(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port_);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(late.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), -1);
  EXPECT_TRUE(has_waiting(leaving)) << "who was there before";
  EXPECT_FALSE(has_waiting(leaving));
  std::vector<Listener> staying = workers();
  ASSERT_TRUE(staying[0].listen(16));
  leaving.clear();
  // Its first packet is sent again after a second.
  const timeval patience{20, 0};
  Accepted accepted;
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(staying[0].fd(), &readable);
  timeval left = patience;
  EXPECT_EQ(::select(staying[0].fd() + 1, &readable, nullptr, nullptr, &left), 1);
  EXPECT_EQ(accept_one(staying[0].fd(), accepted), AcceptOutcome::Taken);
}

TEST(OwnListeners, OthersStayShared) {
  const std::string path = testing::TempDir() + "own-" + std::to_string(::getpid());
  std::vector<Listener> listeners;
  listeners.push_back(Listener::bind({.kind = AddressKind::Unix, .path = path}, kShared).value());
  const int before = listeners[0].fd();
  EXPECT_FALSE(listeners[0].is_reserved());
  ASSERT_TRUE(bind_own(listeners));
  ASSERT_TRUE(listeners[0].listen(16));
  EXPECT_EQ(listeners[0].fd(), before);
  listeners[0].remove_file();
}

}  // namespace
}  // namespace winghorn::supervisor
