// SPDX-License-Identifier: MIT
#include "core/log/escape.h"

#include <gtest/gtest.h>

namespace winghorn::log {
namespace {

using namespace std::string_view_literals;

TEST(Escape, PrintableTextStaysAsItIs) {
  EXPECT_EQ(escape("/index.html?a=1&b='x' ~"), "/index.html?a=1&b='x' ~");
  EXPECT_EQ(escape(""), "");
}

TEST(Escape, WhatCouldSteerATerminalOrALineIsSpeltOut) {
  EXPECT_EQ(escape("a\r\nb\tc\0d"sv), R"(a\x0d\x0ab\x09c\x00d)");
  EXPECT_EQ(escape("\x1b[2J\x7f"), R"(\x1b[2J\x7f)");
}

TEST(Escape, QuotesAndBackslashes) { EXPECT_EQ(escape(R"("\x41")"), R"(\"\\x41\")"); }

TEST(Escape, BytesBeyondAsciiWhetherUtf8OrNot) {
  EXPECT_EQ(escape("caf\xc3\xa9"), R"(caf\xc3\xa9)");
  EXPECT_EQ(escape("\xff\x80"), R"(\xff\x80)");
}

TEST(Escape, NoByteComesThroughUnprintable) {
  for (int byte = 0; byte < 256; ++byte) {
    const char raw = static_cast<char>(byte);
    for (const char shown : escape(Bytes(&raw, 1))) {
      EXPECT_TRUE(shown >= 0x20 && shown < 0x7f) << byte;
    }
  }
}

TEST(Escape, FindsAHarmfulByteWhereverItLies) {
  for (std::size_t size = 1; size <= 33; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char bad : {'\n', '\x7f', '\x80', '\xff', '\0', '\x1f'}) {
        std::string raw(size, '~');
        raw[at] = bad;
        const std::string shown = escape(raw);
        ASSERT_EQ(shown.size(), size + 3);
        ASSERT_EQ(shown.find("\\x"), at);
      }
    }
  }
}

}  // namespace
}  // namespace winghorn::log
