// SPDX-License-Identifier: MIT
#include "core/log/receiver.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/log/log.h"
#include "core/log/sink.h"
#include "places.h"

namespace winghorn::log {
namespace {

// What a receiver was given; it wants debug.
struct Heard {
  std::string errors;
  std::string access;
  int opened = 0;
  int reopened = 0;
  bool refuses = false;

  std::shared_ptr<const Receiver> receiver() {
    Receiver made;
    made.open = [this]() -> Result<Level> {
      if (refuses) return Failure{"no", 0};
      ++opened;
      return Level::Debug;
    };
    made.take = [this](LogKind kind, Bytes lines) {
      (kind == LogKind::Error ? errors : access) += lines;
    };
    made.reopen = [this] { ++reopened; };
    return std::make_shared<const Receiver>(std::move(made));
  }
};

class ReceiverTest : public testing::Test {
 protected:
  ~ReceiverTest() override { EXPECT_TRUE(open({}, Level::Info)); }

  static Places to(Heard& heard) {
    Places places;
    places.receiver = heard.receiver();
    return places;
  }
};

TEST_F(ReceiverTest, TakesAllLinesInsteadOfTheFiles) {
  Heard heard;
  ASSERT_TRUE(open(to(heard), Level::Error));
  EXPECT_EQ(heard.opened, 1);
  debug("said");
  say_access("a line\n");
  EXPECT_NE(heard.errors.find(R"("level":"debug")"), std::string::npos) << heard.errors;
  EXPECT_NE(heard.errors.find(R"("message":"said")"), std::string::npos);
  EXPECT_EQ(heard.access, "a line\n");
}

TEST_F(ReceiverTest, ItsFilesAreReopenedOnce) {
  Heard heard;
  ASSERT_TRUE(open(to(heard), Level::Info));
  reopen();
  EXPECT_EQ(heard.reopened, 1);
}

TEST_F(ReceiverTest, OneThatRefusesLeavesTheOneBefore) {
  Heard before;
  Heard after;
  after.refuses = true;
  ASSERT_TRUE(open(to(before), Level::Info));
  EXPECT_FALSE(open(to(after), Level::Info));
  EXPECT_EQ(before.opened, 2);
  info("said");
  EXPECT_NE(before.errors.find("said"), std::string::npos);
  EXPECT_EQ(after.errors, "");
}

TEST_F(ReceiverTest, WhatItLogsWhileItTakesLinesGoesToStandardError) {
  Heard heard;
  Places places;
  Receiver noisy = *heard.receiver();
  noisy.take = [](LogKind, Bytes) { info("again"); };
  places.receiver = std::make_shared<const Receiver>(std::move(noisy));
  ASSERT_TRUE(open(places, Level::Info));
  testing::internal::CaptureStderr();
  info("said");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("again"), std::string::npos);
}

TEST_F(ReceiverTest, ADeadWorkersRingIsItsOwn) {
  Heard heard;
  ASSERT_TRUE(open(to(heard), Level::Info));
  auto ring = std::make_unique<LogRing>();
  ring->append(LogKind::Error, "one\n");
  ring->append(LogKind::Access, "two\n");
  drain_dead(*ring);
  EXPECT_EQ(heard.errors, "one\n");
  EXPECT_EQ(heard.access, "two\n");
}

}  // namespace
}  // namespace winghorn::log
