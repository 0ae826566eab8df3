// SPDX-License-Identifier: MIT
#include "core/log/line_cutter.h"

#include <gtest/gtest.h>

#include <vector>

namespace winghorn::log {
namespace {

using Lines = std::vector<std::string>;

TEST(LineCutter, LinesMayComeInPieces) {
  LineCutter cutter;
  Lines lines;
  const auto keep = [&](Bytes line) { lines.emplace_back(line); };
  cutter.put("one\ntw", keep);
  EXPECT_EQ(lines, Lines{"one"});
  cutter.put("o", keep);
  cutter.put("\n\nthree", keep);
  EXPECT_EQ(lines, (Lines{"one", "two"}));
  cutter.end(keep);
  cutter.end(keep);
  EXPECT_EQ(lines, (Lines{"one", "two", "three"}));
}

TEST(LineCutter, KeepsNoMoreThanItMay) {
  LineCutter cutter;
  std::size_t got = 0;
  const auto count = [&](Bytes line) { got += line.size(); };
  const std::string piece(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    cutter.put(piece, count);
    EXPECT_LT((i + 1) * piece.size() - got, LineCutter::kMostKept);
  }
}

}  // namespace
}  // namespace winghorn::log
