// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdint>

#include "core/http/grammar.h"
#include "core/http1/request_parser.h"

namespace winghorn::http1 {
namespace {

struct Number {
  Bytes text;
  bool valid;
  std::uint64_t value = 0;
};

TEST(Decimal, IsDigitsWithoutOverflow) {
  using namespace std::string_view_literals;
  constexpr std::uint64_t kMost = UINT64_MAX;
  for (const Number& each : {
           Number{"0", true, 0},
           {"10", true, 10},
           {"010", true, 10},
           {"18446744073709551615", true, kMost},
           {"00000000000000000000000018446744073709551615", true, kMost},
           {"18446744073709551616", false},
           {"18446744073709551625", false},
           {"99999999999999999999", false},
           {"184467440737095516150", false},
           {"", false},
           {"+1", false},
           {"-1", false},
           {" 1", false},
           {"1 ", false},
           {"1_0", false},
           {"0x1", false},
           {"1\0"sv, false},
           {"\xb2", false},
       }) {
    std::uint64_t number = 7;
    EXPECT_EQ(parse_decimal(each.text, number), each.valid) << each.text;
    if (each.valid) {
      EXPECT_EQ(number, each.value) << each.text;
    }
  }
}

TEST(Hexadecimal, IsDigitsWithoutOverflow) {
  using namespace std::string_view_literals;
  for (const Number& each : {
           Number{"0", true, 0},
           {"aF", true, 0xAF},
           {"ffffffffffffffff", true, UINT64_MAX},
           {"0000000000ffffffffffffffff", true, UINT64_MAX},
           {"10000000000000000", false},
           {"fffffffffffffffff", false},
           {"", false},
           {"g", false},
           {"0x1", false},
           {"-1", false},
           {"1 ", false},
           {"1\0"sv, false},
           {"@", false},
           {"`", false},
       }) {
    std::uint64_t number = 7;
    EXPECT_EQ(parse_hexadecimal(each.text, number), each.valid) << each.text;
    if (each.valid) {
      EXPECT_EQ(number, each.value) << each.text;
    }
  }
}

}  // namespace
}  // namespace winghorn::http1
