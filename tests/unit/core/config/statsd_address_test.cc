// SPDX-License-Identifier: MIT
#include "core/config/statsd_address.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

namespace winghorn::config {
namespace {

TEST(StatsdAddress, IsReadAsGunicornReadsIt) {
  const std::map<std::string, std::pair<std::string, unsigned>> cases = {
      {"stats.example:9125", {"stats.example", 9125}},
      {"stats.example", {"stats.example", 8125}},
      {"[::1]:9125", {"::1", 9125}},
      {"[::1]", {"::1", 8125}},
      {"unix:///run/statsd.sock", {"/run/statsd.sock", 0}},
      {"unix:/run/statsd.sock", {"/run/statsd.sock", 0}},
      {"unix:8125", {"unix", 8125}},
  };
  for (const auto& [text, wanted] : cases) {
    const auto found = parse_statsd_address(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(std::pair(found->host, found->port), wanted) << text;
  }
}

TEST(StatsdAddress, AnythingElseIsNone) {
  for (const char* text : {"", ":8125", "x:", "x:y", "x:0", "x:65536", "x:1:2", "unix:", "unix://",
                           "[::1", "[no]:1", "[::1]1"}) {
    EXPECT_FALSE(parse_statsd_address(text)) << text;
  }
}

}  // namespace
}  // namespace winghorn::config
