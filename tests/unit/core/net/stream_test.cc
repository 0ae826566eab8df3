// SPDX-License-Identifier: MIT
#include "core/net/stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/net/accepting.h"

namespace winghorn {
namespace {

// A listener on a free port, and both ends of a connection to it.
class TcpTest : public ::testing::Test {
 protected:
  TcpTest() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
  }
  Fd connect() {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    return client;
  }
  void wait_for(int fd) {
    pollfd one{fd, POLLIN, 0};
    ASSERT_EQ(::poll(&one, 1, 20000), 1);
  }
  static void reset(Fd& socket) {
    const linger now{1, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket.reset();
  }

  Fd listener_;
};

class StreamTest : public TcpTest {
 protected:
  StreamTest() : client_(connect()) {
    EXPECT_EQ(accept_one(listener_.get(), accepted_), AcceptOutcome::Taken);
  }
  int server() const { return accepted_.socket.get(); }

  Fd client_;
  Accepted accepted_;
  std::array<char, 64> buffer_{};
};

TEST_F(StreamTest, ReceivesWhatIsThereThenBlocksThenSeesTheEnd) {
  EXPECT_EQ(receive(server(), buffer_).flow, Flow::Blocked);
  ASSERT_EQ(::send(client_.get(), "hello", 5, 0), 5);
  wait_for(server());
  const Transfer got = receive(server(), buffer_);
  EXPECT_EQ(got.flow, Flow::Moved);
  EXPECT_EQ(std::string(buffer_.data(), got.bytes), "hello");
  ::shutdown(client_.get(), SHUT_WR);
  wait_for(server());
  EXPECT_EQ(receive(server(), buffer_).flow, Flow::Ended);
}

TEST_F(StreamTest, AResetIsBroken) {
  reset(client_);
  wait_for(server());
  EXPECT_EQ(receive(server(), buffer_).flow, Flow::Broken);
}

TEST_F(StreamTest, KnowsWhatHasArrived) {
  const int small = 4096;
  ::setsockopt(client_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  EXPECT_TRUE(has_arrived(server()));
  std::string block(1 << 20, 'x');
  const iovec piece{block.data(), block.size()};
  const std::size_t sent = transmit(server(), {&piece, 1}).bytes;
  ASSERT_GT(sent, 100'000U);
  EXPECT_FALSE(has_arrived(server())) << "the client has no room for it";
  for (std::size_t got = 0; got < sent;) {
    const ssize_t count = ::recv(client_.get(), block.data(), block.size(), 0);
    ASSERT_GT(count, 0);
    got += static_cast<std::size_t>(count);
  }
  const Instant give_up = now() + Seconds(10);
  while (!has_arrived(server()) && now() < give_up) std::this_thread::yield();
  EXPECT_TRUE(has_arrived(server()));
}

TEST_F(StreamTest, GathersManyPieces) {
  std::string one = "one ";
  std::string two = "two";
  const std::array<iovec, 2> pieces{{{one.data(), one.size()}, {two.data(), two.size()}}};
  EXPECT_EQ(transmit(server(), pieces).bytes, 7U);
  EXPECT_EQ(transmit(server(), std::span(pieces).first(1)).bytes, 4U);
  std::array<char, 11> got{};
  ASSERT_EQ(::recv(client_.get(), got.data(), got.size(), MSG_WAITALL), 11);
  EXPECT_EQ(std::string(got.data(), got.size()), "one twoone ");
}

TEST_F(StreamTest, AFullSocketBlocksAndAGoneClientIsNoSignal) {
  std::string block(1024 * 1024, 'x');
  const std::array<iovec, 1> piece{{{block.data(), block.size()}}};
  Transfer sent;
  for (int i = 0; i < 100 && sent.flow == Flow::Moved; ++i) sent = transmit(server(), piece);
  EXPECT_EQ(sent.flow, Flow::Blocked);
  reset(client_);
  std::signal(SIGPIPE, SIG_DFL);
  wait_for(server());
  EXPECT_EQ(transmit(server(), piece).flow, Flow::Broken);
  EXPECT_EQ(transmit(server(), piece).flow, Flow::Broken) << "EPIPE, not SIGPIPE";
}

TEST_F(StreamTest, SendsPartsOfFilesAndSeesWhenThereIsLess) {
  const Fd file(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), "0123456789", 10), 10);
  EXPECT_EQ(transmit_file(server(), file.get(), 3, 4).bytes, 4U);
  std::array<char, 4> got{};
  ASSERT_EQ(::recv(client_.get(), got.data(), got.size(), MSG_WAITALL), 4);
  EXPECT_EQ(std::string(got.data(), 4), "3456");
  EXPECT_EQ(transmit_file(server(), file.get(), 8, 100).bytes, 2U);
  EXPECT_EQ(transmit_file(server(), file.get(), 10, 98).flow, Flow::Ended);
}

TEST_F(StreamTest, OneCallMovesNotMoreOfAFileThanATurnMayTake) {
  const Fd file(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 100 << 20), 0);
  const Transfer sent = transmit_file(server(), file.get(), 0, 100 << 20);
  EXPECT_EQ(sent.flow, Flow::Moved);
  EXPECT_LE(sent.bytes, 1U << 20);
}

// ---- accepting

using AcceptingTest = TcpTest;

TEST_F(AcceptingTest, KnowsBothEnds) {
  const Fd client = connect();
  Accepted accepted;
  ASSERT_EQ(accept_one(listener_.get(), accepted), AcceptOutcome::Taken);
  const LocalEnd theirs = local_end(client.get());
  EXPECT_EQ(accepted.peer_address, "127.0.0.1");
  EXPECT_EQ(accepted.peer_port, theirs.port);
  EXPECT_FALSE(accepted.is_unix);
  EXPECT_EQ(local_end(accepted.socket.get()).port, local_end(listener_.get()).port);
  EXPECT_NE(::fcntl(accepted.socket.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(accepted.socket.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(accept_one(listener_.get(), accepted), AcceptOutcome::NoneWaiting);
}

TEST_F(AcceptingTest, AConnectionThatWasResetInTheQueueIsTakenOrPassedOver) {
  Fd client = connect();
  reset(client);
  Accepted accepted;
  const AcceptOutcome outcome = accept_one(listener_.get(), accepted);
  EXPECT_TRUE(outcome == AcceptOutcome::Taken || outcome == AcceptOutcome::TryAgain);
}

TEST_F(AcceptingTest, AClosedListenerHasNoneWaiting) {
  Accepted accepted;
  EXPECT_EQ(accept_one(-1, accepted), AcceptOutcome::NoneWaiting);
}

TEST(Accepting, AUnixPeerHasNoAddress) {
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = std::string(1, '\0') + "winghorn-test-" + std::to_string(::getpid());
  name.copy(address.sun_path, name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  const Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  Accepted accepted;
  ASSERT_EQ(accept_one(listener.get(), accepted), AcceptOutcome::Taken);
  EXPECT_TRUE(accepted.is_unix);
  EXPECT_EQ(accepted.peer_address, "");
  EXPECT_EQ(accepted.peer_port, "");
  EXPECT_EQ(local_end(listener.get()).address, name);
}

TEST(Accepting, KnowsIpv6) {
  const Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    GTEST_SKIP() << "no IPv6 here";
  }
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  socklen_t length = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length);
  const Fd client(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  Accepted accepted;
  ASSERT_EQ(accept_one(listener.get(), accepted), AcceptOutcome::Taken);
  EXPECT_EQ(accepted.peer_address, "::1");
}

}  // namespace
}  // namespace winghorn
