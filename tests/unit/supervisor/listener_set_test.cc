// SPDX-License-Identifier: MIT
#include "supervisor/listener_set.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace winghorn::supervisor {
namespace {

using config::BindAddress;

BindAddress tcp(std::uint16_t port, BindAddress::Family family = BindAddress::Family::Tcp4) {
  BindAddress address;
  address.family = family;
  address.host = family == BindAddress::Family::Tcp4 ? "127.0.0.1" : "::1";
  address.port = port;
  return address;
}
BindAddress descriptor(int fd) {
  BindAddress address;
  address.family = BindAddress::Family::Descriptor;
  address.descriptor = fd;
  return address;
}

ListenAddress unix_at(const std::string& path) {
  ListenAddress address;
  address.kind = AddressKind::Unix;
  address.path = path;
  return address;
}

std::string texts(const Addresses& addresses) {
  std::string all;
  for (const ListenAddress& address : addresses) all += to_text(address) + " ";
  return all;
}

TEST(EffectiveAddresses, AreThoseAskedForOnceEach) {
  const auto both = effective_addresses({tcp(80), tcp(81, BindAddress::Family::Tcp6), tcp(80)}, {});
  EXPECT_EQ(texts(both), "('127.0.0.1', 80) ('::1', 81) ");
}

TEST(EffectiveAddresses, DescriptorsDisplaceTheOthers) {
  EXPECT_EQ(texts(effective_addresses({tcp(80), descriptor(7)}, {})), "fd://7 ");
  EXPECT_EQ(texts(effective_addresses({tcp(80)}, {3, 4})), "fd://3 fd://4 ");
  EXPECT_EQ(texts(effective_addresses({descriptor(4), descriptor(7)}, {3, 4})),
            "fd://3 fd://4 fd://7 ");
}

class Doors : public testing::Test {
 protected:
  ListenAddress path(const std::string& name) const { return unix_at(base_ + name); }
  bool exists(const std::string& name) const { return std::filesystem::exists(base_ + name); }
  static Result<Listener> bind(const ListenAddress& address) { return Listener::bind(address, {}); }

  // As another process has them.
  std::vector<Fd> copies() const {
    std::vector<Fd> made;
    for (const Listener& listener : set_.all()) made.emplace_back(::dup(listener.fd()));
    return made;
  }

  const std::string base_ = testing::TempDir() + "doors-" + std::to_string(::getpid()) + "-";
  ListenerSet set_;
};

TEST_F(Doors, WhatTwoGenerationsNameStaysOpen) {
  ASSERT_TRUE(set_.open({path("a"), path("b")}, bind));
  ASSERT_TRUE(set_.open({path("b"), path("c")}, bind));
  EXPECT_TRUE(exists("a") && exists("b") && exists("c"));
  set_.keep_only({path("b"), path("c")}, {});
  EXPECT_FALSE(exists("a"));
  EXPECT_EQ(set_.display({path("c"), path("b")}), "unix:" + base_ + "c,unix:" + base_ + "b");
  set_.close_all();
  EXPECT_FALSE(exists("b") || exists("c"));
  EXPECT_EQ(set_.display({path("b")}), "");
}

TEST_F(Doors, WhatAnotherServesAtKeepsItsFile) {
  ASSERT_TRUE(set_.open({path("a"), path("b")}, bind));
  set_.share_files(true);
  set_.keep_only({path("b")}, {});
  EXPECT_TRUE(exists("a"));
  {
    const std::vector<Fd> others = copies();
    set_.close_all();
    EXPECT_TRUE(exists("b"));
  }
  set_.close_all();
  EXPECT_FALSE(exists("a") || exists("b")) << "the other one is gone, too";
}

TEST_F(Doors, OneThatDoesNotOpenLeavesAllAsItWas) {
  ASSERT_TRUE(set_.open({path("a")}, bind));
  EXPECT_FALSE(set_.open({path("a"), path("b"), unix_at("/proc/version")}, bind));
  EXPECT_TRUE(exists("a"));
  EXPECT_FALSE(exists("b"));
  set_.close_all();
}

TEST_F(Doors, AChildGetsItsOwnAndRemovesNoFile) {
  ASSERT_TRUE(set_.open({path("a"), path("b")}, bind));
  {
    const std::vector<Listener> own = set_.hand_over({path("b")});
    ASSERT_EQ(own.size(), 1U);
    EXPECT_EQ(own[0].asked(), path("b"));
    EXPECT_GE(::fcntl(own[0].fd(), F_GETFD), 0);
  }
  EXPECT_TRUE(exists("a") && exists("b"));
  std::filesystem::remove(base_ + "a");
  std::filesystem::remove(base_ + "b");
}

}  // namespace
}  // namespace winghorn::supervisor
