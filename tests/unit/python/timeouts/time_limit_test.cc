// SPDX-License-Identifier: MIT
#include "python/timeouts/time_limit.h"

#include <gtest/gtest.h>

#include "python/gil/ref.h"

namespace winghorn::timeouts {
namespace {

using gil::Gil;
using gil::Ref;

constexpr double kSoon = 0.002;
constexpr double kLater = 3600;

class TimeLimitTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (Py_IsInitialized() == 0) Py_InitializeEx(0);
    ASSERT_TRUE(gil::make_interrupts(Gil::held()));
    ASSERT_TRUE(watch_forks_and_exit(Gil::held()));
  }
  // False: it was interrupted.
  static bool sleep(double seconds) {
    const Ref time = Ref::steal(PyImport_ImportModule("time"));
    const Ref slept = Ref::steal(PyObject_CallMethod(time.get(), "sleep", "d", seconds));
    if (slept) return true;
    EXPECT_TRUE(PyErr_ExceptionMatches(gil::request_timeout_class()));
    PyErr_Clear();
    return false;
  }
};

TEST_F(TimeLimitTest, InterruptsWhatTakesLonger) {
  TimeLimit limit;
  ASSERT_TRUE(limit.begin(Gil::held(), kSoon));
  EXPECT_FALSE(sleep(60));
  EXPECT_TRUE(limit.end(Gil::held()));
}

TEST_F(TimeLimitTest, LeavesAloneWhatIsInTime) {
  TimeLimit limit;
  ASSERT_TRUE(limit.begin(Gil::held(), kLater));
  EXPECT_TRUE(sleep(0));
  EXPECT_FALSE(limit.end(Gil::held()));
}

TEST_F(TimeLimitTest, NothingComesAfterTheEnd) {
  for (int i = 0; i < 200; ++i) {
    TimeLimit limit;
    ASSERT_TRUE(limit.begin(Gil::held(), 1e-4 * (i % 4)));
    sleep(1e-4);
    limit.end(Gil::held());
    EXPECT_TRUE(sleep(0));
  }
}

TEST_F(TimeLimitTest, MayBeUsedAgain) {
  TimeLimit limit;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(limit.begin(Gil::held(), kSoon));
    EXPECT_FALSE(sleep(60));
    EXPECT_TRUE(limit.end(Gil::held()));
  }
}

TEST_F(TimeLimitTest, TheReasonNamesTheSeconds) {
  EXPECT_EQ(reason_of(0.5), "the block has taken longer than 0.5 s (winghorn.timeout)");
  EXPECT_EQ(reason_of(30), "the block has taken longer than 30 s (winghorn.timeout)");
}

}  // namespace
}  // namespace winghorn::timeouts
