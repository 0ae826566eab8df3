// SPDX-License-Identifier: MIT
#include "core/log/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "places.h"

namespace winghorn::log {
namespace {

class LogFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_symlink(target_, link_); }

  Folder folder_;
  const std::string target_ = folder_.file("target");
  const std::string link_ = folder_.file("link");
};

TEST_F(LogFile, IsMadeAndAppendedTo) {
  const std::string path = folder_.file("log");
  std::ofstream(path) << "before\n";
  const Fd file = open_log_file(path, O_WRONLY, ::geteuid());
  ASSERT_TRUE(file);
  ASSERT_EQ(::write(file.get(), "after\n", 6), 6);
  EXPECT_EQ(contents(path), "before\nafter\n");
  EXPECT_TRUE(open_log_file(folder_.file("new"), O_WRONLY, ::geteuid()));
}

TEST_F(LogFile, LinkIsFollowedWhereNobodyIsDistrusted) {
  EXPECT_TRUE(open_log_file(link_, O_WRONLY, std::nullopt));
  EXPECT_TRUE(std::filesystem::exists(target_));
}

TEST_F(LogFile, LinkOfAnotherThanTheDistrustedIsFollowed) {
  EXPECT_TRUE(open_log_file(link_, O_WRONLY, ::geteuid() + 1));
  EXPECT_TRUE(std::filesystem::exists(target_));
}

TEST_F(LogFile, LinkOfTheDistrustedIsNot) {
  EXPECT_FALSE(open_log_file(link_, O_WRONLY, ::geteuid()));
  EXPECT_EQ(errno, EPERM);
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(LogFile, LinkOfTheDistrustedIsNotFollowedForReadingEither) {
  EXPECT_FALSE(open_log_file(link_, O_RDWR | O_NONBLOCK, ::geteuid()));
  EXPECT_EQ(errno, EPERM);
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(LogFile, WhatCannotBeOpenedSaysWhy) {
  EXPECT_FALSE(open_log_file(folder_.file("no/such"), O_WRONLY, ::geteuid()));
  EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace winghorn::log
