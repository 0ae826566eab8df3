// SPDX-License-Identifier: MIT
//
// Every case whole, byte by byte, and cut in two at every position: the same events, the same bytes back.
#include <gtest/gtest.h>

#include <cctype>

#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

struct Outcome {
  std::vector<std::string> events;
  std::string end;
  std::string output;
};

// The only number that may depend on how the bytes were cut: how long a refused line had become.
std::string without_line_length(std::string text) {
  constexpr Bytes kBefore = "Request Line is too large (";
  const std::size_t at = text.find(kBefore);
  if (at == std::string::npos) return text;
  std::size_t end = at + kBefore.size();
  while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
  text.replace(at + kBefore.size(), end - at - kBefore.size(), "N");
  const std::size_t length = text.find("Content-Length: ");  // of a page that holds the number
  if (length != std::string::npos) text.erase(length, text.find("\r\n", length) - length);
  return text;
}

void finish(Driver& driver, Then then) {
  switch (then) {
    case Then::Nothing:
      break;
    case Then::EndOfInput:
      driver.end_input();
      break;
    case Then::IdleClock:
      driver.expire(Patience::Idle);
      break;
    case Then::HeadClock:
      driver.expire(Patience::Head);
      break;
    case Then::BodyClock:
      driver.expire(Patience::Body);
      break;
    case Then::Drain:
      driver.drain();
      break;
  }
}

// `cut`: bytes in the first portion, 0 for single bytes throughout.
Outcome run(const Case& each, std::size_t cut, bool handed_over = false) {
  Terms terms;
  if (each.change != nullptr) each.change(terms);
  terms.handed_over = handed_over;
  Driver driver(terms);
  const Bytes bytes = each.bytes;
  if (cut == 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) driver.feed(bytes.substr(i, 1));
  } else {
    driver.feed(bytes.substr(0, cut));
    if (cut < bytes.size()) driver.feed(bytes.substr(cut));
  }
  finish(driver, each.then);
  EXPECT_EQ(driver.ahead_at_end, 0U) << each.name;
  Outcome outcome{driver.events, driver.closed ? "closed" : "kept",
                  without_line_length(driver.output)};
  for (std::string& event : outcome.events) event = without_line_length(event);
  return outcome;
}

class Request : public testing::TestWithParam<Case> {};

TEST_P(Request, IsTakenAlikeHoweverItIsCut) {
  const Case& each = GetParam();
  std::vector<std::string> expected = each.events;
  for (std::string& event : expected) event = without_line_length(event);
  const Outcome whole = run(each, each.bytes.size());
  EXPECT_EQ(whole.events, expected);
  EXPECT_EQ(whole.end, each.end);
  if (each.whole_only) return;
  for (std::size_t cut = 0; cut < each.bytes.size(); ++cut) {
    const Outcome outcome = run(each, cut);
    ASSERT_EQ(outcome.events, whole.events) << "cut at " << cut;
    ASSERT_EQ(outcome.end, whole.end) << "cut at " << cut;
    ASSERT_EQ(outcome.output, whole.output) << "cut at " << cut;
  }
}

TEST_P(Request, IsTakenAlikeByASessionThatTakesItUp) {
  const Case& each = GetParam();
  for (const std::size_t cut : {each.bytes.size(), each.bytes.size() / 2, std::size_t{0}}) {
    const Outcome expected = run(each, cut);
    const Outcome outcome = run(each, cut, true);
    ASSERT_EQ(outcome.events, expected.events) << "cut at " << cut;
    ASSERT_EQ(outcome.end, expected.end) << "cut at " << cut;
    ASSERT_EQ(outcome.output, expected.output) << "cut at " << cut;
  }
}

// Or the test above shows nothing.
TEST(RequestTakenUp, IsMostOfThem) {
  Terms terms;
  terms.handed_over = true;
  Driver driver(terms);
  driver.feed(
      "GET /a HTTP/1.1\r\nHost: t\r\n\r\nPOST /b HTTP/1.1\r\nHost: t\r\nContent-Length: "
      "1\r\n\r\n2");
  EXPECT_EQ(driver.passed_on, 2U);
  EXPECT_EQ(driver.events, (std::vector<std::string>{"GET /a", "POST /b 2"}));
}

TEST_P(Request, KeepsTheNumberInAWholeRefusal) {
  const Case& each = GetParam();
  Terms terms;
  if (each.change != nullptr) each.change(terms);
  Driver driver(terms);
  driver.feed(each.bytes);
  finish(driver, each.then);
  EXPECT_EQ(driver.events, each.events);
}

std::string name_of_case(const testing::TestParamInfo<Case>& info) {
  std::string name;
  for (const char c : info.param.name) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Grammar, Request, testing::ValuesIn(grammar_cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Framing, Request, testing::ValuesIn(framing_cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(BodyLimit, Request, testing::ValuesIn(body_limit_cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Hostile, Request, testing::ValuesIn(hostile_cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Policy, Request, testing::ValuesIn(policy_cases()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Uwsgi, Request, testing::ValuesIn(uwsgi_cases()), name_of_case);

}  // namespace
}  // namespace winghorn::wire
