// SPDX-License-Identifier: MIT
#include "core/http/deadline.h"

#include <gtest/gtest.h>

namespace winghorn {
namespace {

const Instant kStart = Instant(Seconds(1000));

TEST(Deadline, UnsetItNeverPasses) {
  Deadline deadline;
  EXPECT_FALSE(deadline.is_set());
  EXPECT_FALSE(deadline.expire(kStart + Seconds(1'000'000)));
  EXPECT_EQ(deadline.extend(Seconds(1)), Nanos(0));
  EXPECT_FALSE(deadline.when().has_value());
}

TEST(Deadline, PassesAtItsMomentAndForGood) {
  Deadline deadline;
  deadline.set(kStart + Seconds(5), Seconds(5), Seconds(60));
  EXPECT_EQ(deadline.when(), kStart + Seconds(5));
  EXPECT_FALSE(deadline.expire(kStart + Seconds(5) - Nanos(1)));
  EXPECT_FALSE(deadline.has_passed());
  EXPECT_TRUE(deadline.expire(kStart + Seconds(5)));
  EXPECT_TRUE(deadline.has_passed());
  EXPECT_TRUE(deadline.expire(kStart));
  EXPECT_FALSE(deadline.when().has_value());
  EXPECT_EQ(deadline.extend(Seconds(1)), Nanos(0));
  EXPECT_EQ(deadline.limit(), Seconds(5));
}

TEST(Deadline, IsMovedByWhatMayBeAddedAndNoMore) {
  Deadline deadline;
  deadline.set(kStart + Seconds(5), Seconds(5), Seconds(10));
  EXPECT_EQ(deadline.extend(Seconds(4)), Seconds(4));
  EXPECT_EQ(deadline.when(), kStart + Seconds(9));
  EXPECT_EQ(deadline.extend(Seconds(100)), Seconds(6));
  EXPECT_EQ(deadline.limit(), Seconds(15));
  EXPECT_EQ(deadline.extend(Seconds(1)), Nanos(0));
  EXPECT_EQ(deadline.extend(-Seconds(1)), Nanos(0));
  EXPECT_FALSE(deadline.expire(kStart + Seconds(14)));
  EXPECT_TRUE(deadline.expire(kStart + Seconds(15)));
}

TEST(Deadline, LiftedItIsNoneAnyMore) {
  Deadline deadline;
  deadline.set(kStart, Seconds(5), Seconds(10));
  EXPECT_TRUE(deadline.lift());
  EXPECT_FALSE(deadline.is_set());
  EXPECT_FALSE(deadline.expire(kStart + Seconds(1)));
  deadline.set(kStart, Seconds(5), Seconds(10));
  EXPECT_TRUE(deadline.expire(kStart));
  EXPECT_FALSE(deadline.lift());
  EXPECT_TRUE(deadline.has_passed());
}

TEST(Deadline, TheNextRequestBeginsAnew) {
  Deadline deadline;
  deadline.set(kStart, Seconds(5), Seconds(10));
  EXPECT_TRUE(deadline.expire(kStart));
  deadline.clear();
  EXPECT_FALSE(deadline.has_passed());
  deadline.set(kStart + Seconds(1), Seconds(1), Nanos(0));
  EXPECT_EQ(deadline.extend(Seconds(1)), Nanos(0));
  EXPECT_EQ(deadline.when(), kStart + Seconds(1));
}

}  // namespace
}  // namespace winghorn
