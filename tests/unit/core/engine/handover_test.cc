// SPDX-License-Identifier: MIT
#include "core/engine/handover.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace winghorn {
namespace {

using Received = FdChannel::Received;

ConnectionInfo some_ends() {
  ConnectionInfo ends;
  ends.peer_address = "192.0.2.7";
  ends.peer_port = "4711";
  ends.local_address = "198.51.100.1";
  ends.local_port = "80";
  return ends;
}

class Handover : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    client_.reset(ends[0]);
    served_.reset(ends[1]);
  }

  bool send(const UnbegunRequest& request) {
    return send_request(channel_, {ends_, served_.get(), Instant(Nanos(12345)), request});
  }
  static std::string content(int file, std::uint64_t bytes) {
    std::string text(bytes, '\0');
    EXPECT_EQ(::pread(file, text.data(), text.size(), 0), static_cast<ssize_t>(bytes));
    return text;
  }
  static Fd file_with(const std::string& text) {
    Fd file(::memfd_create("test", MFD_CLOEXEC));
    EXPECT_EQ(::pwrite(file.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return file;
  }

  FdChannel channel_ = FdChannel::create().value();
  ConnectionInfo ends_ = some_ends();
  Fd client_;
  Fd served_;
};

TEST_F(Handover, CarriesAllThatIsKnownOfTheRequest) {
  ASSERT_TRUE(send({"GET / HTTP/1.1\r\n\r\n", {"body", -1, 0}, "rest", true}));
  served_.reset();
  Arrival arrival;
  ASSERT_EQ(receive_request(channel_, arrival), Received::Message);
  EXPECT_EQ(arrival.request.head, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(arrival.request.body.memory, "body");
  EXPECT_EQ(arrival.request.body.in_file, 0U);
  EXPECT_EQ(arrival.request.rest, "rest");
  EXPECT_TRUE(arrival.request.input_ended);
  EXPECT_EQ(arrival.ready, Instant(Nanos(12345)));
  EXPECT_EQ(arrival.ends.peer_address, "192.0.2.7");
  EXPECT_EQ(arrival.ends.peer_port, "4711");
  EXPECT_EQ(arrival.ends.local_address, "198.51.100.1");
  EXPECT_EQ(arrival.ends.local_port, "80");
  EXPECT_FALSE(arrival.ends.is_unix);
  EXPECT_EQ(arrival.ends.proxied, nullptr);
  EXPECT_FALSE(arrival.body_file);
  ASSERT_EQ(::write(arrival.socket.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(client_.get(), &byte, 1), 1) << "the same connection";
}

TEST_F(Handover, CarriesTheFileOfABody) {
  const Fd file = file_with("in the file");
  ASSERT_TRUE(send({"head", {"in memory", file.get(), 11}, "", false}));
  Arrival arrival;
  ASSERT_EQ(receive_request(channel_, arrival), Received::Message);
  EXPECT_EQ(arrival.request.body.memory, "in memory");
  EXPECT_EQ(arrival.request.body.in_file, 11U);
  EXPECT_EQ(content(arrival.body_file.get(), 11), "in the file");
}

TEST_F(Handover, WhatIsTooMuchForAMessageGoesInAFile) {
  const std::string memory(300'000, 'm');
  const std::string rest(100'000, 'r');
  ASSERT_TRUE(send({"head", {memory, -1, 0}, rest, false}));
  Arrival arrival;
  ASSERT_EQ(receive_request(channel_, arrival), Received::Message);
  EXPECT_EQ(arrival.request.head, "head");
  EXPECT_EQ(arrival.request.body.memory, memory);
  EXPECT_EQ(arrival.request.rest, rest);
  EXPECT_FALSE(arrival.body_file) << "it is not needed any more";
}

TEST_F(Handover, AFileThatHoldsTheBodyHoldsWhatIsTooMuchAsWell) {
  const std::string memory(300'000, 'm');
  const Fd file = file_with("in the file");
  ASSERT_TRUE(send({"head", {memory, file.get(), 11}, "rest", false}));
  Arrival arrival;
  ASSERT_EQ(receive_request(channel_, arrival), Received::Message);
  EXPECT_EQ(arrival.request.body.memory, memory);
  EXPECT_EQ(arrival.request.rest, "rest");
  EXPECT_EQ(arrival.request.body.in_file, 11U);
  EXPECT_EQ(content(arrival.body_file.get(), 11), "in the file");
}

TEST_F(Handover, AUnixSocketIsOne) {
  ends_ = ConnectionInfo();
  ends_.is_unix = true;
  ends_.local_address = "/run/app.sock";
  ASSERT_TRUE(send({"head", {}, "", false}));
  Arrival arrival;
  ASSERT_EQ(receive_request(channel_, arrival), Received::Message);
  EXPECT_TRUE(arrival.ends.is_unix);
  EXPECT_EQ(arrival.ends.local_address, "/run/app.sock");
  EXPECT_EQ(arrival.ends.peer_address, "");
}

TEST_F(Handover, TheEndsThatABalancerPassesOnGoAlong) {
  ends_.proxied = std::make_shared<ProxiedEnds>(
      ProxiedEnds{"TCP6", "2001:db8::1", "4711", "2001:db8::2", "443"});
  ASSERT_TRUE(send({"head", {}, "", false}));
  Arrival arrival;
  ASSERT_EQ(receive_request(channel_, arrival), Received::Message);
  ASSERT_NE(arrival.ends.proxied, nullptr);
  EXPECT_EQ(arrival.ends.proxied->protocol, "TCP6");
  EXPECT_EQ(arrival.ends.proxied->client_address, "2001:db8::1");
  EXPECT_EQ(arrival.ends.proxied->client_port, "4711");
  EXPECT_EQ(arrival.ends.proxied->proxy_address, "2001:db8::2");
  EXPECT_EQ(arrival.ends.proxied->proxy_port, "443");
  EXPECT_EQ(arrival.ends.peer_address, "192.0.2.7");
}

TEST_F(Handover, AMessageThatIsNoneIsDropped) {
  std::string text = "not a label";
  iovec bytes{text.data(), text.size()};
  const std::array one{served_.get()};
  ASSERT_TRUE(channel_.send(std::span(&bytes, 1), one));
  Arrival arrival;
  EXPECT_EQ(receive_request(channel_, arrival), Received::Lost);
}

TEST_F(Handover, NothingWaitsInAnEmptyChannel) {
  Arrival arrival;
  EXPECT_EQ(receive_request(channel_, arrival), Received::Nothing);
}

}  // namespace
}  // namespace winghorn
