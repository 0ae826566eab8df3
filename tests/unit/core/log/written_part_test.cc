// SPDX-License-Identifier: MIT
#include "core/log/written_part.h"

#include <gtest/gtest.h>

#include <string>

namespace winghorn::log {
namespace {

constexpr std::uint64_t kPlace = 2 * 4096 - 10;  // ten bytes before a page ends
const std::string kLines = "first\nsecond\nthird\n";

TEST(WrittenPart, IsAllOrNothingWithinAPage) {
  EXPECT_EQ(written_part(kLines, kLines, 0).bytes, kLines.size());
  EXPECT_EQ(written_part(kLines, "a\n" + kLines + "b\n", 0).bytes, kLines.size());
  EXPECT_EQ(written_part(kLines, "", 0).bytes, 0U);
  EXPECT_EQ(written_part(kLines, "first\nsec", 0).bytes, 0U);
}

TEST(WrittenPart, EndsWithAPage) {
  const WrittenPart part = written_part(kLines, "first\nseco", kPlace);
  EXPECT_EQ(part.bytes, 10U);
  EXPECT_TRUE(part.ends_the_file);
}

TEST(WrittenPart, IsFoundBetweenWhatOthersWrote) {
  const WrittenPart glued = written_part(kLines, "first\nsecosomebody's\n", kPlace);
  EXPECT_EQ(glued.bytes, 10U);
  EXPECT_FALSE(glued.ends_the_file);
  const WrittenPart behind = written_part(kLines, "a\nb\nfirst\nn more\n", kPlace);
  EXPECT_EQ(behind.bytes, 6U);
  EXPECT_FALSE(behind.ends_the_file);
}

TEST(WrittenPart, OfWholeLinesNeedsNoNewLine) {
  EXPECT_FALSE(written_part(kLines, "abc\nfirst\n", kPlace).ends_the_file);
  EXPECT_EQ(written_part(kLines, "abc\nfirst\n", kPlace).bytes, 6U);
}

TEST(WrittenPart, ALikenessThatEndsWithNoPageIsNone) {
  EXPECT_EQ(written_part(kLines, "first\nsecond thoughts\n", 100).bytes, 0U);
}

TEST(WrittenPart, OfMorePagesIsTheLongest) {
  std::string lines;
  while (lines.size() < 20'000)
    lines += "a line of many, number " + std::to_string(lines.size()) + "\n";
  const std::size_t cut = 3 * 4096 + 10;
  const WrittenPart part = written_part(lines, lines.substr(0, cut) + "others\n", kPlace);
  EXPECT_EQ(part.bytes, cut);
}

}  // namespace
}  // namespace winghorn::log
