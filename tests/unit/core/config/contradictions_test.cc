// SPDX-License-Identifier: MIT
#include "core/config/contradictions.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>
#include <string_view>

namespace winghorn::config {
namespace {

class Contradictions : public testing::Test {
 protected:
  Contradictions() {
    settings_.user = ::geteuid();
    settings_.group = 4711;
    settings_.errorlog = "-";
    settings_.threads = 1;
    settings_.worker_connections = 1000;
    settings_.timeout = Seconds(30);
    settings_.graceful_timeout = Seconds(30);
  }

  // "!setting" for one that stops the start.
  std::set<std::string> found(const std::set<std::string_view>& given = {}) const {
    std::set<std::string> names;
    for (const Contradiction& one :
         contradictions(settings_, [&](std::string_view name) { return given.contains(name); })) {
      EXPECT_FALSE(one.text.empty());
      names.insert((one.is_fatal ? "!" : "") + std::string(one.setting));
    }
    return names;
  }
  using Names = std::set<std::string>;

  Settings settings_;
};

TEST_F(Contradictions, NoneInTheDefaults) { EXPECT_EQ(found(), Names{}); }

TEST_F(Contradictions, WhatCountsOnlyBesideSomethingElse) {
  EXPECT_EQ(found({"max_requests_jitter", "dogstatsd_tags"}),
            (Names{"max_requests_jitter", "dogstatsd_tags"}));
  EXPECT_EQ(found({"max_requests_jitter", "max_requests", "syslog", "syslog_addr"}), Names{});
}

TEST_F(Contradictions, APatienceThatOrchestratorsDoNotHave) {
  EXPECT_EQ(found({"graceful_timeout"}), Names{"graceful_timeout"});
  settings_.graceful_timeout = Seconds(29);
  EXPECT_EQ(found({"graceful_timeout"}), Names{});
}

TEST_F(Contradictions, WhatHasNothingToWorkOn) {
  settings_.group = ::getegid();
  settings_.initgroups = settings_.backlog_metric = settings_.reuse_port = true;
  EXPECT_EQ(found(), (Names{"initgroups", "enable_backlog_metric"}));
  settings_.group = ::getegid() + 1;
  settings_.reuse_port = false;
  EXPECT_EQ(found(), Names{});
}

TEST_F(Contradictions, TimesThatNeverCome) {
  settings_.request_timeout = Seconds(31);
  EXPECT_EQ(found(), Names{"request_timeout"});
  settings_.worker_class = WorkerClass::Gthread;
  EXPECT_EQ(found(), Names{});
  settings_.queue_timeout = Seconds(31);
  EXPECT_EQ(found(), Names{"queue_timeout"});
}

TEST_F(Contradictions, OutputThatHasNoFile) {
  settings_.capture_output = true;
  EXPECT_EQ(found(), Names{"capture_output"});
  settings_.errorlog = "/var/log/shop.log";
  EXPECT_EQ(found(), Names{});
}

TEST_F(Contradictions, ThreadsThatCanNeverBeBusy) {
  settings_.threads = 8;
  settings_.worker_connections = 4;
  EXPECT_EQ(found(), Names{"worker_connections"});
}

TEST_F(Contradictions, RightsThatAZygoteHasGivenUp) {
  settings_.reuse_port = settings_.preload_app = true;
  EXPECT_EQ(found(), Names{});
  settings_.user = ::geteuid() + 1;
  settings_.group = 1;
  EXPECT_EQ(found(), Names{"!reuse_port"});
}

TEST_F(Contradictions, RootsGroupForAnotherUser) {
  settings_.user = ::geteuid() + 1;
  settings_.group = 0;
  EXPECT_EQ(found(), Names{"group"});
  settings_.group = 1;
  EXPECT_EQ(found(), Names{});
}

}  // namespace
}  // namespace winghorn::config
