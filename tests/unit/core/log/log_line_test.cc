// SPDX-License-Identifier: MIT
#include "core/log/log_line.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace winghorn::log {
namespace {

class TimeZone {
 public:
  explicit TimeZone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~TimeZone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

TEST(LogLine, LooksLikeGunicorns) {
  const TimeZone utc("UTC0");
  EXPECT_EQ(error_line(Level::Info, "Booting worker with pid: 71", 1795370604, 71),
            "[2026-11-22 18:03:24 +0000] [71] [INFO] Booting worker with pid: 71\n");
}

TEST(LogLine, TimeIsLocalWithItsOffset) {
  const TimeZone east("IST-5:30");
  EXPECT_EQ(error_line(Level::Critical, "x", 1795370604, 1),
            "[2026-11-22 23:33:24 +0530] [1] [CRITICAL] x\n");
}

TEST(LogLine, NamesEveryLevel) {
  for (const auto& [level, name] : {std::pair{Level::Debug, "[DEBUG]"},
                                    {Level::Info, "[INFO]"},
                                    {Level::Warning, "[WARNING]"},
                                    {Level::Error, "[ERROR]"},
                                    {Level::Critical, "[CRITICAL]"}}) {
    EXPECT_NE(error_line(level, "x", 0, 1).find(name), std::string::npos);
  }
}

TEST(LogLine, TracebacksGoOutAsTheyAre) {
  const std::string line =
      error_line(Level::Error, "Error handling request /\nTraceback:\n  x\n", 0, 1);
  EXPECT_TRUE(line.ends_with("Error handling request /\nTraceback:\n  x\n"));
}

TEST(LogLine, LevelsByName) {
  EXPECT_EQ(level_named("debug"), Level::Debug);
  EXPECT_EQ(level_named("WARNING"), Level::Warning);
  EXPECT_EQ(level_named("verbose"), std::nullopt);
}

TEST(TakeLines, CutsAtLineEnds) {
  std::string scratch;
  Bytes text = "one\ntwo\nthree\n";
  EXPECT_EQ(take_lines(text, 9, scratch), "one\ntwo\n");
  EXPECT_EQ(take_lines(text, 9, scratch), "three\n");
  EXPECT_TRUE(text.empty());
}

TEST(TakeLines, ALineThatIsTooLongIsCutAndMarked) {
  std::string scratch;
  const std::string long_line = std::string(50, 'x') + "\nnext\n";
  Bytes text = long_line;
  EXPECT_EQ(take_lines(text, 10, scratch), "xxxxxx...\n");
  EXPECT_EQ(take_lines(text, 10, scratch), "next\n");
  const std::string no_end(50, 'y');
  text = no_end;
  EXPECT_EQ(take_lines(text, 10, scratch), "yyyyyy...\n");
  EXPECT_TRUE(text.empty());
}

TEST(LeaveOutLines, TheMiddleGoesAndItsLinesAreCounted) {
  const auto shortened = [](std::string text, std::size_t most) {
    leave_out_lines(text, most);
    return text;
  };
  const std::string text = "one\ntwo\nthree\nfour\nfive\nsix";
  EXPECT_EQ(shortened(text, text.size()), text);
  EXPECT_EQ(shortened(text, 20), "one\ntwo\n... 2 more lines ...\nfive\nsix");
  EXPECT_EQ(shortened(text, 12), "one\n... 4 more lines ...\nsix");
  EXPECT_EQ(shortened("all of it is one line", 10), "... 1 more lines ...\n");
}

}  // namespace
}  // namespace winghorn::log
