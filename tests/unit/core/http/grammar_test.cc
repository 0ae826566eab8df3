// SPDX-License-Identifier: MIT
//
// The searches that look at many bytes at once must say what a look at each byte says.
#include "core/http/grammar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>

namespace winghorn {
namespace {

// A text of each length up to three blocks, with each byte at each place.
template <class Check>
void for_each_text(char filler, Check check) {
  for (const std::size_t size : {1, 15, 16, 17, 33, 48}) {
    for (std::size_t place = 0; place < size; ++place) {
      for (unsigned byte = 0; byte < 256; ++byte) {
        std::string text(size, filler);
        text[place] = static_cast<char>(byte);
        check(text);
      }
    }
  }
}

TEST(Grammar, FindsTheFirstControlByte) {
  for_each_text('a', [](const std::string& text) {
    std::size_t expected = 0;
    while (expected < text.size() && !is_control(text[expected])) ++expected;
    ASSERT_EQ(find_control(text.data(), text.data() + text.size()) - text.data(),
              static_cast<std::ptrdiff_t>(expected));
  });
}

TEST(Grammar, FindsTheFirstOfAByte) {
  for_each_text('a', [](const std::string& text) {
    const std::size_t expected = std::min(text.size(), text.find('\n'));
    ASSERT_EQ(find_byte(text.data(), text.data() + text.size(), '\n') - text.data(),
              static_cast<std::ptrdiff_t>(expected));
  });
}

// The searches without an end: at each alignment, with a NUL behind the text and nothing after it that
// could be read unnoticed.
template <class Search, class StopsAt>
void expect_first(char filler, Search search, StopsAt stops_at) {
  for_each_text(filler, [&](const std::string& text) {
    const std::size_t expected =
        static_cast<std::size_t>(std::find_if(text.begin(), text.end(), stops_at) - text.begin());
    for (const std::size_t offset : {0, 1, 7, 15}) {
      const std::unique_ptr<char[]> memory(new char[offset + text.size() + kReadBeyond]());
      std::copy(text.begin(), text.end(), memory.get() + offset);
      ASSERT_EQ(search(memory.get() + offset) - memory.get(),
                static_cast<std::ptrdiff_t>(offset + expected));
    }
  });
}

TEST(Grammar, FindsTheNextControlByte) {
  expect_first('a', next_control, is_control);
  expect_first('\t', next_control, is_control);
}

TEST(Grammar, SkipsNothingButPlainNameBytes) {
  const auto is_plain = [](char c) {
    return c == '-' || std::isalnum(static_cast<unsigned char>(c));
  };
  for (const char filler : {'a', 'Z', '0', '-'}) {
    expect_first(filler, skip_plain_name, [&](char c) { return !is_plain(c); });
  }
}

TEST(Grammar, VisitsEachOfAByteUntilToldToStop) {
  for_each_text('\n', [](const std::string& text) {
    std::string seen(text.size(), 'x');
    const auto note = [&](const char* at) {
      seen[static_cast<std::size_t>(at - text.data())] = '\n';
      return at != text.data() + 20;
    };
    const bool to_the_end = each_byte(text.data(), text.data() + text.size(), '\n', note);
    ASSERT_EQ(to_the_end, text.size() <= 20 || text[20] != '\n');
    for (std::size_t i = 0; i < (to_the_end ? text.size() : 21); ++i) {
      ASSERT_EQ(seen[i] == '\n', text[i] == '\n') << i;
    }
  });
}

TEST(Grammar, KnowsVisibleText) {
  for_each_text('!', [](const std::string& text) {
    ASSERT_EQ(is_visible(text), (common_class(text) & kTargetByte) != 0);
  });
}

TEST(Grammar, KnowsTokens) {
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09azAZ"));
  EXPECT_FALSE(is_token(""));
  for (const char c : Bytes("\"(),/:;<=>?@[\\]{} \t\r\n\x7f\x80\xff"))
    EXPECT_FALSE(is_token({&c, 1}));
  EXPECT_FALSE(is_token(Bytes("\0", 1)));
}

TEST(Grammar, TrimsSpaceAndTabOnly) {
  EXPECT_EQ(trim_blanks(" \t a \t b\t "), "a \t b");
  EXPECT_EQ(trim_blanks("\xa0"
                        "a\v"),
            "\xa0"
            "a\v");
  EXPECT_EQ(trim_blanks(" \t"), "");
}

TEST(Grammar, VisitsEachMemberOfAList) {
  std::string seen;
  each_member(" a ,b,, c d",
              [&](Bytes member) { seen.append(1, '[').append(member).append(1, ']'); });
  EXPECT_EQ(seen, "[a][b][][c d]");
}

}  // namespace
}  // namespace winghorn
