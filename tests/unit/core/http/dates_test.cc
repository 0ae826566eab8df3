// SPDX-License-Identifier: MIT
#include "core/http/dates.h"

#include <gtest/gtest.h>

#include <string>

namespace winghorn {
namespace {

std::string text_of(std::time_t when) {
  const HttpDate date = format_http_date(when);
  return {date.data(), date.size()};
}

TEST(HttpDate, IsAnImfFixdate) {
  EXPECT_EQ(text_of(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text_of(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(text_of(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(text_of(4102444799), "Thu, 31 Dec 2099 23:59:59 GMT");
}

TEST(HttpDate, StaysInsideOfItsFourDigitYear) {
  EXPECT_EQ(text_of(-1), text_of(0));
  EXPECT_EQ(text_of(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(text_of(253402300800), text_of(253402300799));
}

std::time_t told_time = 0;

TEST(DateLine, FollowsItsClock) {
  told_time = 784111777;
  DateLine line([] { return told_time; });
  EXPECT_EQ(line.text(), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(line.text(), "Sun, 06 Nov 1994 08:49:37 GMT");
  ++told_time;
  EXPECT_EQ(line.text(), "Sun, 06 Nov 1994 08:49:38 GMT");
  told_time -= 2;  // a clock that is set back is followed
  EXPECT_EQ(line.text(), "Sun, 06 Nov 1994 08:49:36 GMT");
}

TEST(DateLine, KnowsTheTimeOfDay) {
  const std::time_t before = std::time(nullptr);
  const std::time_t told = wall_seconds();
  EXPECT_GE(told, before - 1);
  EXPECT_LE(told, std::time(nullptr) + 1);
}

}  // namespace
}  // namespace winghorn
