// SPDX-License-Identifier: MIT
#include "core/base/check.h"

#include <gtest/gtest.h>

namespace winghorn {
namespace {

TEST(CheckDeathTest, SaysWhatAndWhereAndDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const int seats = 3;
  EXPECT_DEATH(CHECK(seats == 4),
               "CHECK failed: seats == 4 at .*check_test.cc:[0-9]+ \\(pid:[0-9]+\\)");
  CHECK(seats == 3);
}

}  // namespace
}  // namespace winghorn
