// SPDX-License-Identifier: MIT
#include "core/engine/peer_counts.h"

#include <gtest/gtest.h>

namespace winghorn {
namespace {

TEST(PeerCounts, EachAddressHasItsOwn) {
  PeerCounts two(2);
  two.add("192.0.2.1");
  two.add("192.0.2.1");
  EXPECT_FALSE(two.has_room("192.0.2.1"));
  EXPECT_TRUE(two.has_room("192.0.2.2"));
  two.remove("192.0.2.1");
  EXPECT_TRUE(two.has_room("192.0.2.1"));
}

TEST(PeerCounts, AnIpv6NetworkIsOnePeer) {
  PeerCounts one(1);
  one.add("2001:db8::1");
  EXPECT_FALSE(one.has_room("2001:db8::ffff:1"));
  EXPECT_TRUE(one.has_room("2001:db8:0:1::1"));
  EXPECT_TRUE(one.has_room("192.0.2.1"));
}

TEST(PeerCounts, AMappedAddressIsTheIpv4One) {
  PeerCounts one(1);
  one.add("::ffff:192.0.2.1");
  EXPECT_FALSE(one.has_room("192.0.2.1"));
  EXPECT_TRUE(one.has_room("::ffff:192.0.2.2"));
}

TEST(PeerCounts, WhatIsNoAddressIsNotCounted) {
  PeerCounts one(1);
  one.add("");
  one.add("");
  EXPECT_TRUE(one.has_room(""));
  EXPECT_EQ(one.peers(), 0U);
}

TEST(PeerCounts, NothingIsKeptOfThoseThatHaveGone) {
  PeerCounts one(1);
  for (int i = 0; i < 1000; ++i) one.add("192.0.2." + std::to_string(i % 250));
  EXPECT_EQ(one.peers(), 250U);
  for (int i = 0; i < 1000; ++i) one.remove("192.0.2." + std::to_string(i % 250));
  one.remove("192.0.2.1");
  EXPECT_EQ(one.peers(), 0U);
}

}  // namespace
}  // namespace winghorn
