// SPDX-License-Identifier: MIT
#include "core/config/network.h"

#include <gtest/gtest.h>

namespace winghorn::config {
namespace {

std::string complaint(std::string_view text) {
  const auto parsed = parse_network(text);
  const auto* words = std::get_if<std::string>(&parsed);
  return words == nullptr ? "" : *words;
}

TEST(Network, AcceptsAddressesAndStrictNetworks) {
  for (const char* text : {"127.0.0.1", "::1", "10.0.0.0/8", "10.0.0.0/255.0.0.0", "0.0.0.0/0",
                           "::/0", "2001:db8::/32", "192.0.2.7/32", "::ffff:10.0.0.0/104"}) {
    EXPECT_EQ(complaint(text), "") << text;
  }
}

TEST(Network, ComplainsInThePythonModulesWords) {
  EXPECT_EQ(complaint("10.0.0.1/8"), "10.0.0.1/8 has host bits set");
  EXPECT_EQ(complaint("2001:db8::1/32"), "2001:db8::1/32 has host bits set");
  for (const char* text : {"x", "", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129",
                           "1.2.3", "10.0.0.0/255.0.255.0", "::/ffff::"}) {
    EXPECT_NE(complaint(text).find("does not appear to be an IPv4 or IPv6 network"),
              std::string::npos)
        << text;
  }
}

TEST(Network, BothSpellingsOfAnIpv4AddressAreTheSame) {
  EXPECT_EQ(parse_address("10.1.2.3"), parse_address("::ffff:10.1.2.3"));
  EXPECT_NE(parse_address("10.1.2.3"), parse_address("::10.1.2.3"));
  EXPECT_EQ(parse_address("10.1.2"), std::nullopt);
}

}  // namespace
}  // namespace winghorn::config
