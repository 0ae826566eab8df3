// SPDX-License-Identifier: MIT
#include "core/net/fd_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace winghorn {
namespace {

using Received = FdChannel::Received;

class FdChannelTest : public ::testing::Test {
 protected:
  bool send(std::string text, std::span<const int> descriptors) {
    iovec bytes{text.data(), text.size()};
    return channel_.send(std::span(&bytes, 1), descriptors);
  }
  bool send_pipe(const std::string& text) {
    const std::array one{pipe_end()};
    return send(text, one);
  }
  int pipe_end() {
    if (!reading_) {
      std::array<int, 2> ends{};
      EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
      reading_.reset(ends[0]);
      writing_.reset(ends[1]);
    }
    return writing_.get();
  }

  FdChannel channel_ = FdChannel::create().value();
  Fd reading_;
  Fd writing_;
};

TEST_F(FdChannelTest, AMessageArrivesWithItsDescriptor) {
  ASSERT_TRUE(send_pipe("hello"));
  writing_.reset();
  FdChannel::Message message;
  ASSERT_EQ(channel_.receive(message), Received::Message);
  EXPECT_EQ(message.bytes, "hello");
  ASSERT_EQ(::write(message.descriptors[0].get(), "x", 1), 1) << "it outlived its sender's";
  char byte = 0;
  EXPECT_EQ(::read(reading_.get(), &byte, 1), 1);
  EXPECT_NE(::fcntl(message.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_FALSE(message.descriptors[1]);
}

TEST_F(FdChannelTest, MessagesKeepTheirBoundsAndOrder) {
  const std::string large(FdChannel::kMostBytes, 'l');
  ASSERT_TRUE(send_pipe("first"));
  ASSERT_TRUE(send_pipe(large));
  FdChannel::Message message;
  ASSERT_EQ(channel_.receive(message), Received::Message);
  EXPECT_EQ(message.bytes, "first");
  ASSERT_EQ(channel_.receive(message), Received::Message);
  EXPECT_EQ(message.bytes, large);
  EXPECT_EQ(channel_.receive(message), Received::Nothing);
}

TEST_F(FdChannelTest, ItTakesSeveralDescriptors) {
  const std::array two{pipe_end(), reading_.get()};
  ASSERT_TRUE(send("two", two));
  FdChannel::Message message;
  ASSERT_EQ(channel_.receive(message), Received::Message);
  EXPECT_TRUE(message.descriptors[0]);
  EXPECT_TRUE(message.descriptors[1]);
}

TEST_F(FdChannelTest, WhenTooMuchWaitsItSaysSo) {
  int sent = 0;
  while (sent < 100'000 && send_pipe(std::string(1000, 'x'))) ++sent;
  EXPECT_GT(sent, 10);
  EXPECT_TRUE(errno == EAGAIN || errno == ETOOMANYREFS) << errno;
  FdChannel::Message message;
  for (int got = 0; got < sent; ++got) {
    ASSERT_EQ(channel_.receive(message), Received::Message);
    message.descriptors[0].reset();
  }
  EXPECT_TRUE(send_pipe("there is room again"));
}

TEST_F(FdChannelTest, WithoutADescriptorToTakeItWithAMessageStays) {
  ASSERT_TRUE(send_pipe("waits"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  {
    const Fd lowest_free(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    tight.rlim_cur =
        static_cast<rlim_t>(lowest_free.get()) + 1;  // one is not enough for all that may come
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  FdChannel::Message message;
  const Received outcome = channel_.receive(message);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(outcome, Received::OutOfResource);
  ASSERT_EQ(channel_.receive(message), Received::Message);
  EXPECT_EQ(message.bytes, "waits");
  EXPECT_TRUE(message.descriptors[0]);
}

TEST_F(FdChannelTest, WhatIsNeverTakenIsClosedWithTheChannel) {
  ASSERT_TRUE(send_pipe("lost"));
  writing_.reset();
  channel_.close();
  char byte = 0;
  EXPECT_EQ(::read(reading_.get(), &byte, 1), 0) << "nobody has the other end any more";
}

}  // namespace
}  // namespace winghorn
