// SPDX-License-Identifier: MIT
#include "core/log/access_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <regex>
#include <string>

namespace winghorn::log {
namespace {

using namespace std::string_view_literals;

struct Fields : FieldSource {
  static Bytes find(const std::map<std::string, std::string>& all, Bytes name) {
    const auto found = all.find(std::string(name));
    return found == all.end() ? Bytes() : Bytes(found->second);
  }
  Bytes request_header(Bytes name) const override { return find(request, name); }
  Bytes reply_header(Bytes name) const override { return find(reply, name); }
  Bytes environ_value(Bytes name) const override { return find(environ, name); }

  std::map<std::string, std::string> request, reply, environ;
};

class AccessLog : public testing::Test {
 protected:
  AccessLog() {
    record_.peer = "192.0.2.7";
    record_.method = "GET";
    record_.target = "/a%20b?x=1";
    record_.path = "/a%20b";
    record_.query = "x=1";
    record_.version = "HTTP/1.1";
    record_.status = 200;
    record_.body_bytes = 1234;
    record_.took = Nanos(1'234'567'890);
    record_.fields = &fields_;
  }

  std::string line(std::string_view format) const {
    const auto compiled = AccessFormat::compile(format);
    EXPECT_TRUE(compiled) << (compiled ? "" : compiled.error().text());
    std::string out;
    if (compiled) compiled.value().format(record_, out);
    EXPECT_TRUE(out.ends_with('\n'));
    if (!out.empty()) out.pop_back();
    return out;
  }

  static std::string complaint(std::string_view format) {
    const auto compiled = AccessFormat::compile(format);
    return compiled ? "none" : compiled.error().text();
  }

  AccessRecord record_;
  Fields fields_;
};

TEST_F(AccessLog, DefaultLineIsGunicorns) {
  fields_.request = {{"referer", "http://example.com/"}, {"user-agent", "Mozilla/5.0"}};
  const std::string text = line(AccessFormat::kDefault);
  EXPECT_TRUE(std::regex_match(
      text,
      std::regex(
          R"re(192\.0\.2\.7 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] )re"
          R"re("GET /a%20b\?x=1 HTTP/1\.1" 200 1234 "http://example\.com/" "Mozilla/5\.0")re")))
      << text;
}

TEST_F(AccessLog, EachAtom) {
  fields_.request = {{"referer", "ref"}, {"user-agent", "ua"}, {"x-one", "in"}};
  fields_.reply = {{"content-type", "text/html"}};
  fields_.environ = {{"remote_user", "me"}};
  const std::map<std::string, std::string> shown = {
      {"%(h)s", "192.0.2.7"},
      {"%(l)s", "-"},
      {"%(u)s", "-"},
      {"%(m)s", "GET"},
      {"%(U)s", "/a b"},
      {"%(q)s", "x=1"},
      {"%(H)s", "HTTP/1.1"},
      {"%(s)s", "200"},
      {"%(B)s", "1234"},
      {"%(b)s", "1234"},
      {"%(f)s", "ref"},
      {"%(a)s", "ua"},
      {"%(T)s", "1"},
      {"%(M)s", "1234"},
      {"%(D)s", "1234567"},
      {"%(L)s", "1.234567"},
      {"%(p)s", "<" + std::to_string(::getpid()) + ">"},
      {"%({x-one}i)s", "in"},
      {"%({X-One}i)s", "in"},
      {"%({Content-Type}o)s", "text/html"},
      {"%({REMOTE_USER}e)s", "me"},
      {"%(r)s", "GET /a%20b?x=1 HTTP/1.1"},
      {"%({absent}i)s", "-"},
      {"%({absent}o)s", "-"},
      {"%({absent}e)s", "-"},
      {"%(nonsense)s", "-"},
      {"%({x}z)s", "-"},
      {"%()s", "-"},
  };
  for (const auto& [format, text] : shown) EXPECT_EQ(line(format), text) << format;
}

TEST_F(AccessLog, WhatIsMissingIsADashAndWhatIsEmptyIsEmpty) {
  record_ = AccessRecord();
  EXPECT_EQ(line(R"(%(h)s|%(u)s|%(s)s|%(q)s|%(b)s|%(f)s|%(a)s|%({x}i)s)"), "|-|-||0|-|-|-");
  fields_.request = {{"referer", ""}};
  record_.fields = &fields_;
  EXPECT_EQ(line("[%(f)s]"), "[]");
}

TEST_F(AccessLog, DaysAreDroppedFromTimes) {
  record_.took = Seconds(2 * 24 * 3600 + 5);
  EXPECT_EQ(line("%(T)s %(M)s %(D)s %(L)s"), "5 5000 5000000 5.000000");
}

TEST_F(AccessLog, PythonsFlagsWidthsAndPrecisions) {
  const std::map<std::string, std::string> shown = {
      {"%(T)d", "1"},
      {"%(D)10d|", "   1234567|"},
      {"%(D)-10d|", "1234567   |"},
      {"%(D)010d", "0001234567"},
      {"%(T)+d", "+1"},
      {"%(T) d", " 1"},
      {"%(B)x", "4d2"},
      {"%(B)#x", "0x4d2"},
      {"%(M).1f", "1234.0"},
      {"%(m)5s|", "  GET|"},
      {"%(m)-5s|", "GET  |"},
      {"%(m).2s", "GE"},
      {"%(m)5.1s|", "    G|"},
      {"%(m)05s", "  GET"},
      {"%(m)r", "'GET'"},
      {"%(s)d", "200"},
      {"%(T)5s|", "    1|"},
      {"%(T)ld", "1"},
      {"100%%", "100%"},
      {"%(m)%", "%"},
      {"", ""},
      {"no atoms", "no atoms"},
      {"%(a(b)c)s", "-"},
      {"%(B).3s", "123"},
  };
  for (const auto& [format, text] : shown) EXPECT_EQ(line(format), text) << format;
}

TEST_F(AccessLog, ABrokenFormatIsRefusedWithItsPlace) {
  EXPECT_EQ(complaint("%(h)s %(r"), "'%(r' at position 7: the name is not closed with ')'");
  EXPECT_EQ(complaint("50% of"),
            "'%' at position 3: '%' must be followed by '(name)'; a plain percent "
            "sign is "
            "'%%'");
  EXPECT_NE(complaint("%(h)").find("the format ends before the conversion"), std::string::npos);
  EXPECT_NE(complaint("%(h)y").find("'y' is no conversion"), std::string::npos);
  EXPECT_NE(complaint("%(T)c").find("'c' is no conversion"), std::string::npos);
  EXPECT_NE(complaint("%(h)d").find("'d' wants a number, and (h) is a text"), std::string::npos);
  EXPECT_NE(complaint("%({x}i)d").find("({x}i) is a text"), std::string::npos);
  EXPECT_NE(complaint("%(h)*s").find("'*'"), std::string::npos);
  EXPECT_NE(complaint("%(h)99999999999999999999s").find("at most 1000"), std::string::npos);
  EXPECT_NE(complaint("%").find("must be followed"), std::string::npos);
  EXPECT_EQ(complaint(AccessFormat::kDefault), "none");
}

TEST_F(AccessLog, NothingFromOutsideLeavesItsLineOrItsQuotes) {
  const std::string bad = "a\r\nb\x1b[31m\"\\\xff\x7f";
  fields_.request = {{"referer", bad}, {"user-agent", bad}, {"x", bad}};
  fields_.reply = {{"x", bad}};
  fields_.environ = {{"x", bad}};
  record_.peer = record_.method = record_.target = record_.query = record_.version = bad;
  record_.path = "/%0d%0aforged %22line%22%00";
  const std::string text = line(
      R"(%(h)s %(m)s %(q)s %(H)s %(r)s %(U)s %(f)s %(a)s %({x}i)s %({x}o)s %({x}e)s %(m)r %(a)50s)");
  for (const char byte : text) ASSERT_TRUE(byte >= 0x20 && byte < 0x7f) << text;
  EXPECT_NE(text.find(R"(a\x0d\x0ab\x1b[31m\"\\\xff\x7f)"), std::string::npos);
  EXPECT_NE(text.find(R"(/\x0d\x0aforged \"line\"\x00)"), std::string::npos);
}

TEST_F(AccessLog, APrecisionDoesNotCutAnEscapeInHalf) {
  record_.method = "ab\"cd";
  EXPECT_EQ(line("%(m).3s"), R"(ab\")");
}

TEST_F(AccessLog, PathIsDecodedOnceAndBadEscapesStand) {
  record_.path = "/%41%2520/%zz%4";
  EXPECT_EQ(line("%(U)s"), "/A%20/%zz%4");
}

TEST_F(AccessLog, UserOfBasicAuthorization) {
  const std::map<std::string, std::string> shown = {
      {"Basic YWxpY2U6c2VjcmV0", "alice"},
      {"basic YWxpY2U6c2VjcmV0", "alice"},
      {"Basic YWxpY2U=", "alice"},
      {"Basic YWxpY2U", "-"},
      {"Basic OnNlY3JldA==", "-"},
      {"Basic", "-"},
      {"Basic /////w==", "-"},
      {"Bearer YWxpY2U6c2VjcmV0", "-"},
      {"Basic dGrDqTp4", R"(tj\xc3\xa9)"},
      {"Basic A", "-"},
      {"", "-"},
  };
  for (const auto& [header, user] : shown) {
    fields_.request = {{"authorization", header}};
    EXPECT_EQ(line("%(u)s"), user) << header;
  }
}

TEST_F(AccessLog, LongestPossibleValuesFit) {
  const std::string target(100'000, '\x01');
  record_.target = target;
  EXPECT_EQ(line("%(r)s").size(), 4 * target.size() + 4 + 9);
}

}  // namespace
}  // namespace winghorn::log
