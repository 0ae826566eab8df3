// SPDX-License-Identifier: MIT
#include "core/http/request_start.h"

#include <gtest/gtest.h>

#include <ostream>

namespace winghorn {
namespace {

constexpr Nanos kNow = Seconds(1'735'689'601);

struct Said {
  Bytes value;
  std::optional<Nanos> waited;
};
void PrintTo(const Said& said, std::ostream* out) { *out << said.value; }

class RequestStart : public ::testing::TestWithParam<Said> {};

TEST_P(RequestStart, IsRead) { EXPECT_EQ(waited_since(GetParam().value, kNow), GetParam().waited); }

INSTANTIATE_TEST_SUITE_P(
    Values, RequestStart,
    ::testing::Values(Said{"t=1735689600.250", Millis(750)}, Said{"1735689600.250", Millis(750)},
                      Said{"1735689600", Seconds(1)}, Said{"1735689600250", Millis(750)},
                      Said{"t=1735689600250", Millis(750)}, Said{"1735689600250000", Millis(750)},
                      Said{"1735689600250000000", Millis(750)},
                      Said{"1735689600250.5", Nanos(749'500'000)},
                      Said{"1735689602", Nanos(0)},       // its clock is ahead
                      Said{"1735686001", Seconds(3600)},  // an hour ago
                      Said{"1735686000", std::nullopt},   // longer ago
                      Said{"0", std::nullopt}, Said{"", std::nullopt}, Said{"t=", std::nullopt},
                      Said{"soon", std::nullopt}, Said{"-1", std::nullopt},
                      Said{"1735689600 ", std::nullopt}, Said{"1735689600.x", std::nullopt},
                      Said{"1735689600,250", std::nullopt}, Said{"1e9", std::nullopt},
                      Said{"99999999999999999999999", std::nullopt},
                      Said{"18446744073709551615", std::nullopt}));

}  // namespace
}  // namespace winghorn
