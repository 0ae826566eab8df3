// SPDX-License-Identifier: MIT
#include "core/base/result.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>

namespace winghorn {
namespace {

Result<int> opened(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure("open the file");
  ::close(fd);
  return 7;
}

TEST(Result, HoldsAValue) {
  const Result<int> result = opened("/dev/null");
  ASSERT_TRUE(result);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.value(), 7);
}

TEST(Result, HoldsTheCallThatFailedAndItsErrno) {
  const Result<int> result = opened("/does/not/exist");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ENOENT);
  EXPECT_EQ(result.error().text(), "open the file: No such file or directory");
}

TEST(Result, WithoutErrnoTheTextStandsAlone) {
  EXPECT_EQ(Failure{"no seat is free"}.text(), "no seat is free");
}

TEST(Result, CarriesWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(3));
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 3);
}

TEST(ResultDeathTest, AskingForWhatIsNotThereIsOurMistake) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<int> good(1);
  const Result<int> bad(Failure{"x"});
  EXPECT_DEATH(good.error(), "CHECK failed");
  EXPECT_DEATH(bad.value(), "CHECK failed");
}

}  // namespace
}  // namespace winghorn
