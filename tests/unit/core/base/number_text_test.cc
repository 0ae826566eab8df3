// SPDX-License-Identifier: MIT
#include "core/base/number_text.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace winghorn {
namespace {

TEST(NumberText, IsReadWhenItIsAllOfTheText) {
  EXPECT_EQ(number_from<int>("042"), 42);
  EXPECT_EQ(number_from<int>("-7"), -7);
  EXPECT_EQ(number_from<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(number_from<double>("2.5"), 2.5);
}

TEST(NumberText, AnythingElseIsNone) {
  for (const char* text : {"", " 1", "1 ", "1x", "x", "+1", "1.5", "0x10", "99999999999"}) {
    EXPECT_EQ(number_from<int>(text), std::nullopt) << text;
  }
  EXPECT_EQ(number_from<std::uint64_t>("-1"), std::nullopt);
}

}  // namespace
}  // namespace winghorn
