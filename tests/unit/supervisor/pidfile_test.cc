// SPDX-License-Identifier: MIT
#include "supervisor/pidfile.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace winghorn::supervisor {
namespace {

namespace fs = std::filesystem;

class PidfileTest : public testing::Test {
 protected:
  PidfileTest() {
    std::string name = (fs::temp_directory_path() / "winghorn-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    path_ = root_ + "/app.pid";
  }
  ~PidfileTest() override { fs::remove_all(root_); }

  void hold(const std::string& text) const { std::ofstream(path_) << text; }
  std::string text() const {
    std::stringstream all;
    all << std::ifstream(path_).rdbuf();
    return all.str();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root_), fs::directory_iterator()));
  }

  std::string root_;
  std::string path_;
  const std::string own_ = std::to_string(::getpid()) + "\n";
};

pid_t one_that_is_gone() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

TEST_F(PidfileTest, HoldsThePidAndGoesAtTheEnd) {
  Pidfile file;
  ASSERT_TRUE(file.create(path_).ok());
  EXPECT_EQ(text(), own_);
  struct stat found{};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0644U);
  EXPECT_EQ(files(), 1U);
  file.remove();
  EXPECT_EQ(files(), 0U);
}

TEST_F(PidfileTest, WhatNamesNobodyAliveIsReplaced) {
  for (const std::string& old : {std::string("nonsense"), std::string(), std::string("-1\n"),
                                 std::string("12x"), std::to_string(one_that_is_gone()), own_}) {
    hold(old);
    Pidfile file;
    EXPECT_TRUE(file.create(path_).ok()) << old;
    EXPECT_EQ(text(), own_);
    file.remove();
    EXPECT_EQ(files(), 0U) << old;
  }
}

TEST_F(PidfileTest, ALivingProcessKeepsItsFile) {
  hold("1\n");
  Pidfile file;
  const Status made = file.create(path_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().text(), "Already running on PID 1 (or pid file '" + path_ + "' is stale)");
  file.remove();
  EXPECT_EQ(text(), "1\n");
}

TEST_F(PidfileTest, OneThatIsKnownToBeGoneIsReplaced) {
  hold(std::to_string(::getppid()) + "\n");
  Pidfile file;
  EXPECT_FALSE(file.create(path_, ::getppid() + 1));
  ASSERT_TRUE(file.create(path_, ::getppid()));
  EXPECT_EQ(text(), own_);
  file.remove();
}

TEST_F(PidfileTest, AnotherProcessesFileStaysAtTheEnd) {
  Pidfile file;
  ASSERT_TRUE(file.create(path_).ok());
  hold("1\n");
  file.remove();
  EXPECT_EQ(text(), "1\n");
}

TEST_F(PidfileTest, AFolderThatIsMissingIsNamed) {
  Pidfile file;
  const Status made = file.create(root_ + "/no/app.pid");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().text(), root_ + "/no doesn't exist. Can't create pidfile.");
}

TEST_F(PidfileTest, MovesWhenItsNewPlaceIsGood) {
  Pidfile file;
  ASSERT_TRUE(file.create(path_).ok());
  EXPECT_FALSE(file.move_to(root_ + "/no/app.pid").ok());
  EXPECT_EQ(text(), own_);
  EXPECT_TRUE(file.move_to(root_ + "/other.pid").ok());
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(file.move_to("").ok());
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace winghorn::supervisor
