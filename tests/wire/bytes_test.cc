// SPDX-License-Identifier: MIT
//
// Every byte in every kind of position, against the grammar of RFC 9110 and 9112 written down a second time: what
// it allows is run, anything else is refused once, nothing behind it is run, and what is logged is printable.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <ostream>
#include <string>

#include "wire/driver.h"

namespace winghorn::wire {
namespace {

using Grammar = std::function<bool(unsigned char)>;

bool is_one_of(unsigned char byte, const char* set) {
  return byte != 0 && std::strchr(set, byte) != nullptr;
}
bool is_alpha(unsigned char byte) {
  return is_one_of(byte, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}
bool is_decimal(unsigned char byte) { return is_one_of(byte, "0123456789"); }
// RFC 9110 5.6.2
bool is_tchar(unsigned char byte) {
  return is_alpha(byte) || is_decimal(byte) || is_one_of(byte, "!#$%&'*+-.^_`|~");
}
// RFC 9110 5.5: field-vchar, SP and HTAB
bool is_in_a_value(unsigned char byte) {
  return byte == '\t' || byte == ' ' || (byte > ' ' && byte != 0x7F);
}
bool is_vchar(unsigned char byte) { return byte > ' ' && byte < 0x7F; }
// gunicorn's conventional methods
bool is_in_a_method(unsigned char byte) {
  return is_tchar(byte) && !is_one_of(byte, "abcdefghijklmnopqrstuvwxyz#");
}

struct Position {
  const char* name;
  std::string before;
  std::string after;
  Grammar is_allowed;
};

std::ostream& operator<<(std::ostream& out, const Position& position) {
  return out << position.name;
}

std::vector<Position> positions() {
  const std::string rest = "\r\nHost: x\r\n\r\n";
  const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto only = [](char wanted) {
    return [wanted](unsigned char byte) { return byte == static_cast<unsigned char>(wanted); };
  };
  const auto or_also = [](Grammar grammar, const char* more) {
    return [grammar = std::move(grammar), more](unsigned char byte) {
      return grammar(byte) || is_one_of(byte, more);
    };
  };
  return {
      {"MethodFirst", "", "ET / HTTP/1.1" + rest, is_in_a_method},
      {"MethodMiddle", "G", "T / HTTP/1.1" + rest, is_in_a_method},
      {"MethodLast", "GE", " / HTTP/1.1" + rest, is_in_a_method},
      {"TargetFirst", "GET ", "a HTTP/1.1" + rest, only('/')},
      {"TargetMiddle", "GET /a", "b HTTP/1.1" + rest, is_vchar},
      {"TargetLast", "GET /a", " HTTP/1.1" + rest, is_vchar},
      {"VersionFirst", "GET / ", "TTP/1.1" + rest, only('H')},
      {"VersionSlash", "GET / HTTP", "1.1" + rest, only('/')},
      {"VersionMajor", "GET / HTTP/", ".1" + rest, only('1')},
      {"VersionDot", "GET / HTTP/1", "1" + rest, only('.')},
      {"VersionMinor", "GET / HTTP/1.", "\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
       is_decimal},
      {"NameFirst", get, "ame: value\r\n\r\n", is_tchar},
      {"NameMiddle", get + "na", "me: value\r\n\r\n", or_also(is_tchar, ":")},
      {"NameLast", get + "nam", ": value\r\n\r\n", or_also(is_tchar, ":")},
      {"ValueFirst", get + "name:", "value\r\n\r\n", is_in_a_value},
      {"ValueMiddle", get + "name: va", "lue\r\n\r\n", is_in_a_value},
      {"ValueLast", get + "name: value", "\r\n\r\n", is_in_a_value},
      {"SixteenthOfAValue", get + "name: 0123456789abcde", "f0123456789abcdef\r\n\r\n",
       is_in_a_value},
      {"ChunkSizeFirst", chunked, "\r\na\r\n0\r\n\r\n", only('1')},
      {"ExtensionName", chunked + "1;na", "me\r\na\r\n0\r\n\r\n", or_also(is_tchar, "=;")},
      {"ExtensionValue", chunked + "1;name=va", "lue\r\na\r\n0\r\n\r\n", or_also(is_tchar, ";")},
      {"ExtensionQuoted", chunked + "1;name=\"va", "lue\"\r\na\r\n0\r\n\r\n",
       [](unsigned char byte) { return is_in_a_value(byte) && byte != '"'; }},
      {"BehindAChunk", chunked + "1\r\na", "\n0\r\n\r\n", only('\r')},
      {"TrailerNameFirst", chunked + "0\r\n", "ame: value\r\n\r\n", is_tchar},
      {"TrailerNameMiddle", chunked + "0\r\nna", "me: value\r\n\r\n", or_also(is_tchar, ":")},
      {"TrailerValueMiddle", chunked + "0\r\nname: va", "lue\r\n\r\n", is_in_a_value},
      {"TrailerValueLast", chunked + "0\r\nname: value", "\r\n\r\n", is_in_a_value},
  };
}

class EveryByte : public testing::TestWithParam<Position> {};

TEST_P(EveryByte, IsWhatTheGrammarSays) {
  const Position& position = GetParam();
  for (unsigned byte = 0; byte < 256; ++byte) {
    SCOPED_TRACE("byte " + std::to_string(byte));
    const bool is_allowed = position.is_allowed(static_cast<unsigned char>(byte));
    Driver driver{Terms()};
    driver.feed(position.before + static_cast<char>(byte) + position.after +
                "GET /behind HTTP/1.1\r\nHost: x\r\n\r\n");
    const bool behind_is_run = !driver.events.empty() && driver.events.back() == "GET /behind";
    EXPECT_EQ(driver.events.size(), is_allowed ? 2U : 1U) << driver.events.front();
    EXPECT_EQ(behind_is_run, is_allowed);
    EXPECT_EQ(driver.closed, !is_allowed);
    if (is_allowed || driver.events.empty()) continue;
    const std::string& refusal = driver.events.front();
    EXPECT_TRUE(refusal.starts_with("400 ") || refusal.starts_with("505 Invalid HTTP Version: ("))
        << refusal;
    for (const char c : refusal) EXPECT_TRUE(c >= ' ' && c <= '~') << refusal;
    EXPECT_TRUE(driver.output.starts_with("HTTP/1.1 " + refusal.substr(0, 3) + " "));
  }
}

std::string name_of_position(const testing::TestParamInfo<Position>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Positions, EveryByte, testing::ValuesIn(positions()), name_of_position);

}  // namespace
}  // namespace winghorn::wire
