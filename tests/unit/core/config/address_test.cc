// SPDX-License-Identifier: MIT
#include "core/config/address.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace winghorn::config {
namespace {

using Family = BindAddress::Family;

struct Good {
  std::string text;
  BindAddress address;
};

const std::vector<Good> kGood = {
    {"127.0.0.1:8000", {.family = Family::Tcp4, .host = "127.0.0.1", .port = 8000}},
    {"127.0.0.1", {.family = Family::Tcp4, .host = "127.0.0.1", .port = 8000}},
    {"LocalHost:80", {.family = Family::Tcp4, .host = "localhost", .port = 80}},
    {"", {.family = Family::Tcp4, .host = "0.0.0.0", .port = 8000}},
    {":9000", {.family = Family::Tcp4, .host = "0.0.0.0", .port = 9000}},
    {"host:0", {.family = Family::Tcp4, .host = "host", .port = 0}},
    {"host:65535", {.family = Family::Tcp4, .host = "host", .port = 65535}},
    {"tcp://host:80", {.family = Family::Tcp4, .host = "host", .port = 80}},
    {"tcp://host", {.family = Family::Tcp4, .host = "host", .port = 8000}},
    {"[::1]", {.family = Family::Tcp6, .host = "::1", .port = 8000}},
    {"[::]:8001", {.family = Family::Tcp6, .host = "::", .port = 8001}},
    {"tcp://[FE80::1%eth0]:1", {.family = Family::Tcp6, .host = "fe80::1%eth0", .port = 1}},
    {"unix:/run/App.sock", {.family = Family::Unix, .path = "/run/App.sock"}},
    {"unix:///run/app.sock", {.family = Family::Unix, .path = "/run/app.sock"}},
    {"unix://var/x", {.family = Family::Unix, .path = "var/x"}},
    {std::string("\0name", 5), {.family = Family::Unix, .path = std::string("\0name", 5)}},
    {"fd://3", {.family = Family::Descriptor, .descriptor = 3}},
};

TEST(BindAddress, ReadsEveryFormThatGunicornReads) {
  for (const Good& good : kGood) {
    const auto parsed = parse_bind_address(good.text);
    ASSERT_TRUE(std::holds_alternative<BindAddress>(parsed))
        << good.text << ": " << std::get<std::string>(parsed);
    EXPECT_EQ(std::get<BindAddress>(parsed), good.address) << good.text;
  }
}

TEST(BindAddress, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"host:abc", "'abc' is not a valid port number."},
      {"host:", "'' is not a valid port number."},
      {"host:99999", "'99999' is not a valid port number: ports end at 65535."},
      {"host:99999999999999", "'99999999999999' is not a valid port number: ports end at 65535."},
      {"host:-1", "'-1' is not a valid port number."},
      {"host: 80", "no host's name has these characters (give each address its own --bind)"},
      {"a,b:80", "no host's name has these characters (give each address its own --bind)"},
      {"::1:8000", "an IPv6 address stands in brackets, as in [::1]:8000"},
      {"[::1", "the ']' is missing"},
      {"[localhost]:80", "'localhost' is not an IPv6 address"},
      {"[::1]80", "'80' after ']' is not a port"},
      {"[::1]:x", "'x' is not a valid port number."},
      {"unix:", "a unix: address needs a path, as in unix:/run/app.sock"},
      {"fd://abc", "'abc' is not a valid file descriptor."},
      {"fd://", "'' is not a valid file descriptor."},
  };
  for (const auto& [text, complaint] : bad) {
    const auto parsed = parse_bind_address(text);
    ASSERT_TRUE(std::holds_alternative<std::string>(parsed)) << text;
    EXPECT_EQ(std::get<std::string>(parsed), complaint) << text;
  }
}

TEST(BindAddress, RefusesASocketPathThatTheSystemCannotHold) {
  EXPECT_TRUE(
      std::holds_alternative<BindAddress>(parse_bind_address("unix:" + std::string(107, 'x'))));
  EXPECT_TRUE(
      std::holds_alternative<std::string>(parse_bind_address("unix:" + std::string(108, 'x'))));
}

}  // namespace
}  // namespace winghorn::config
