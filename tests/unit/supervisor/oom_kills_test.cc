// SPDX-License-Identifier: MIT
#include "supervisor/oom_kills.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace winghorn::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEventsOf7 = "low 0\nhigh 2\nmax 11\noom 9\noom_kill 7\noom_group_kill 0\n";
constexpr const char* kControlOf5 = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n";

// Folders as a kernel would show them.
class OomKillsTest : public testing::Test {
 protected:
  OomKillsTest() {
    std::string name = (fs::temp_directory_path() / "winghorn-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~OomKillsTest() override { fs::remove_all(root_); }

  void file(const std::string& path, const char* text) {
    const fs::path whole = fs::path(root_) / "sys/fs/cgroup" / path;
    fs::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  std::optional<std::uint64_t> count(const char* own_groups) {
    return oom_kills(root_, own_groups);
  }

  std::string root_;
};

TEST_F(OomKillsTest, Version2) {
  file("system.slice/app.service/memory.events", kEventsOf7);
  EXPECT_EQ(count("0::/system.slice/app.service\n"), 7U);
}

TEST_F(OomKillsTest, Version2CountsInTheNearestGroupThatHasMemory) {
  file("system.slice/memory.events", kEventsOf7);
  EXPECT_EQ(count("0::/system.slice/app.service/sub\n"), 7U);
}

TEST_F(OomKillsTest, Version2InAContainerOfItsOwn) {
  file("memory.events", kEventsOf7);
  EXPECT_EQ(count("0::/\n"), 7U);
}

TEST_F(OomKillsTest, Version1) {
  file("memory/jobs/app/memory.oom_control", kControlOf5);
  EXPECT_EQ(count("9:cpu,cpuacct:/\n4:memory:/jobs/app\n1:name=systemd:/init.scope\n"), 5U);
}

TEST_F(OomKillsTest, Version1MountedTogetherWithAnother) {
  file("memory,hugetlb/app/memory.oom_control", kControlOf5);
  EXPECT_EQ(count("4:memory,hugetlb:/app\n"), 5U);
}

TEST_F(OomKillsTest, Version1InAContainerWhoseGroupsHaveTheHostsNames) {
  file("memory/memory.oom_control", kControlOf5);
  EXPECT_EQ(count("4:memory:/docker/0123456789abcdef\n"), 5U);
}

TEST_F(OomKillsTest, BothVersionsMounted) {
  file("memory/app/memory.oom_control", kControlOf5);
  file("unified/app/memory.events", kEventsOf7);
  EXPECT_EQ(count("4:memory:/app\n0::/app\n"), 5U);
  EXPECT_EQ(count("0::/app\n4:memory:/app\n"), 5U);
  EXPECT_EQ(count("5:cpu:/app\n0::/app\n"), 7U);
}

TEST_F(OomKillsTest, GroupsBeyondWhatTheProcessMaySee) {
  file("memory.events", kEventsOf7);
  EXPECT_EQ(count("0::/../../other\n"), 7U);
}

TEST_F(OomKillsTest, NothingIsKnownWithoutAFileOrANumber) {
  EXPECT_EQ(count(""), std::nullopt);
  EXPECT_EQ(count("0::/app\n"), std::nullopt);
  EXPECT_EQ(count("4:memory:/app\n"), std::nullopt);
  EXPECT_EQ(count("no line of this kind"), std::nullopt);
  file("memory/app/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");  // before Linux 4.13
  EXPECT_EQ(count("4:memory:/app\n"), std::nullopt);
  file("app/memory.events", "oom_kill many\n");
  EXPECT_EQ(count("0::/app\n"), std::nullopt);
}

TEST(OomLedger, OneCountedKillExplainsOneDeath) {
  OomLedger ledger;
  EXPECT_EQ(ledger.judge(0, 1), OomVerdict::Killed);
  EXPECT_EQ(ledger.judge(0, 1),
            OomVerdict::DidNotKill);  // of the same age, killed by somebody else
  EXPECT_EQ(ledger.judge(0, 3), OomVerdict::Killed);
  EXPECT_EQ(ledger.judge(1, 3), OomVerdict::Killed);
  EXPECT_EQ(ledger.judge(1, 3), OomVerdict::DidNotKill);
}

TEST(OomLedger, WhatWasCountedBeforeItsBirthExplainsNothing) {
  OomLedger ledger;
  EXPECT_EQ(ledger.judge(5, 5), OomVerdict::DidNotKill);
  EXPECT_EQ(ledger.judge(5, 6), OomVerdict::Killed);
}

TEST(OomLedger, WithoutACountNothingIsKnown) {
  OomLedger ledger;
  EXPECT_EQ(ledger.judge(std::nullopt, 3), OomVerdict::NotKnown);
  EXPECT_EQ(ledger.judge(3, std::nullopt), OomVerdict::NotKnown);
}

}  // namespace
}  // namespace winghorn::supervisor
