// SPDX-License-Identifier: MIT
#include "core/engine/trusted_peers.h"

#include <gtest/gtest.h>

namespace winghorn {
namespace {

struct Case {
  std::vector<std::string> entries;
  const char* peer;
  bool trusted;
};

TEST(TrustedPeers, Addresses) {
  const std::vector<Case> cases = {
      {{"127.0.0.1"}, "127.0.0.1", true},
      {{"127.0.0.1"}, "127.0.0.2", false},
      {{"127.0.0.1"}, "::ffff:127.0.0.1", true},
      {{"::ffff:127.0.0.1"}, "127.0.0.1", true},
      {{"::1"}, "::1", true},
      {{"::1"}, "127.0.0.1", false},
      {{"2001:db8::1"}, "2001:0db8:0:0::1", true},
      {{"10.0.0.1", "10.0.0.2"}, "10.0.0.2", true},
      {{}, "127.0.0.1", false},
      {{"127.0.0.1"}, "", false},
      {{"127.0.0.1"}, "nonsense", false},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(TrustedPeers(one.entries).trusts(one.peer, false), one.trusted)
        << one.peer << " of " << (one.entries.empty() ? "nothing" : one.entries[0]);
  }
}

TEST(TrustedPeers, Networks) {
  const std::vector<Case> cases = {
      {{"10.0.0.0/8"}, "10.255.255.255", true},
      {{"10.0.0.0/8"}, "11.0.0.0", false},
      {{"10.0.0.0/9"}, "10.127.0.1", true},
      {{"10.0.0.0/9"}, "10.128.0.1", false},
      {{"192.168.4.0/255.255.252.0"}, "192.168.7.9", true},
      {{"192.168.4.0/255.255.252.0"}, "192.168.8.0", false},
      {{"192.0.2.7/32"}, "192.0.2.7", true},
      {{"192.0.2.7/32"}, "192.0.2.6", false},
      {{"0.0.0.0/0"}, "203.0.113.9", true},
      {{"0.0.0.0/0"}, "2001:db8::1", false},
      {{"::/0"}, "2001:db8::1", true},
      {{"::/0"}, "203.0.113.9", false},
      {{"2001:db8::/33"}, "2001:db8:7fff::1", true},
      {{"2001:db8::/33"}, "2001:db8:8000::1", false},
      {{"::ffff:10.0.0.0/104"}, "10.1.2.3", true},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(TrustedPeers(one.entries).trusts(one.peer, false), one.trusted)
        << one.peer << " in " << one.entries[0];
  }
}

// The settings refuse these; should one come all the same, it must not open a door.
TEST(TrustedPeers, WhatCannotBeReadTrustsNobody) {
  for (const char* entry : {"10.0.0.0/", "10.0.0.0/x", "10.0.0.0/33", "10.0.0.0/8x", "::/129",
                            "10.0.0.0/-1", "localhost", "", "/0", "10.0.0.0/0.0.0.0.0"}) {
    EXPECT_FALSE(TrustedPeers({entry}).trusts("10.0.0.1", false)) << entry;
    EXPECT_FALSE(TrustedPeers({entry}).trusts("203.0.113.9", false)) << entry;
  }
}

TEST(TrustedPeers, AStarIsEverybodyAndAUnixPeerAlways) {
  EXPECT_TRUE(TrustedPeers({"*"}).trusts("203.0.113.9", false));
  EXPECT_TRUE(TrustedPeers({"127.0.0.1", "*"}).trusts("2001:db8::1", false));
  EXPECT_TRUE(TrustedPeers(std::vector<std::string>{}).trusts("", true));
}

}  // namespace
}  // namespace winghorn
