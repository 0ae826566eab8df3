// SPDX-License-Identifier: MIT
#include "core/base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace winghorn {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
int some_descriptor() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(Fd, ClosesWhatItOwns) {
  const int number = some_descriptor();
  {
    const Fd fd(number);
    EXPECT_TRUE(fd);
    EXPECT_EQ(fd.get(), number);
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Fd, MovesAndLeavesNothingBehind) {
  Fd first(some_descriptor());
  const int number = first.get();
  Fd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what is promised
  EXPECT_EQ(second.get(), number);
  Fd third(some_descriptor());
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_TRUE(is_open(number));
}

TEST(Fd, AssignedToItselfStaysOpen) {
  Fd fd(some_descriptor());
  Fd& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(fd);
  EXPECT_TRUE(is_open(fd.get()));
}

TEST(Fd, ReleaseGivesItAway) {
  Fd fd(some_descriptor());
  const int number = fd.release();
  EXPECT_FALSE(fd);
  EXPECT_TRUE(is_open(number));
  fd.reset(number);
  fd.reset();
  EXPECT_FALSE(is_open(number));
}

}  // namespace
}  // namespace winghorn
