// SPDX-License-Identifier: MIT
#include "core/log/json_lines.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/base/log_ring.h"
#include "places.h"

namespace winghorn::log {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongest = kShortestJsonLine;

Origin origin(Level level = Level::Info) {
  // 2026-11-22 18:03:24.007 UTC
  return {level, std::chrono::system_clock::time_point(std::chrono::milliseconds(1795370604007)),
          71, 12};
}

Incident deadline() {
  Incident incident;
  incident.request = 42;
  incident.method = "GET";
  incident.target = "/reports/1?full=yes";
  incident.peer = "10.0.0.7";
  incident.phase = "running";
  incident.age = std::chrono::microseconds(5002400);
  incident.queued = Millis(250);
  incident.bytes_in = 120;
  incident.bytes_out = 0;
  incident.cpu = Millis(3);
  incident.slot = 1;
  incident.thread = 0x7f0012345678;
  incident.waits_in = "recvfrom";
  incident.action = "answered 504";
  incident.stacks =
      "Thread 0x00007f0012345678 (most recent call first):\n  File \"app.py\", line 7 in view\n\n";
  return incident;
}

// Every line parses, has what all have and is not too long.
std::vector<Json> parsed(const std::string& lines, std::size_t longest = kLongest) {
  std::vector<Json> objects;
  EXPECT_TRUE(lines.ends_with('\n'));
  for (const std::string& line : lines_of(lines)) {
    EXPECT_LT(line.size(), longest);
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) << line;
    objects.push_back(Json::parse(line, nullptr, false));
    EXPECT_TRUE(objects.back().is_object()) << line;
    for (const char* name : {"time", "level", "pid", "message"}) {
      EXPECT_TRUE(objects.back().contains(name)) << line;
    }
  }
  return objects;
}

// What the parts of one record say together.
std::string joined_messages(const std::vector<Json>& parts) {
  std::string text;
  for (const Json& part : parts) text += part["message"];
  return text;
}

std::vector<std::string> joined_stacks(const std::vector<Json>& parts) {
  std::vector<std::string> frames;
  for (const Json& part : parts) {
    for (const Json& frame : part.value("stacks", Json::array())) frames.push_back(frame);
  }
  return frames;
}

void expect_numbered(const std::vector<Json>& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i]["record"], 12);
    EXPECT_EQ(parts[i]["part"], i + 1);
    EXPECT_EQ(parts[i]["parts"], parts.size());
    EXPECT_EQ(parts[i]["time"], parts[0]["time"]);
  }
}

TEST(JsonLines, AMessage) {
  EXPECT_EQ(json_lines(origin(), "Booting worker with pid: 71", kLongest),
            "{\"time\":\"2026-11-22T18:03:24.007Z\",\"level\":\"info\",\"pid\":71,"
            "\"message\":\"Booting worker with pid: 71\"}\n");
}

TEST(JsonLines, NamesEveryLevel) {
  for (const auto& [level, name] : {std::pair{Level::Debug, "debug"},
                                    {Level::Info, "info"},
                                    {Level::Warning, "warning"},
                                    {Level::Error, "error"},
                                    {Level::Critical, "critical"}}) {
    EXPECT_EQ(parsed(json_lines(origin(level), "x", kLongest))[0]["level"], name);
  }
}

TEST(JsonLines, TracebacksKeepTheirNewlinesInOneLine) {
  const std::string text = "Error handling request GET /\nTraceback:\n  File \"a\\b\", line 1\n";
  const std::vector<Json> objects = parsed(json_lines(origin(), text, kLongest));
  ASSERT_EQ(objects.size(), 1U);
  EXPECT_EQ(objects[0]["message"], text);
}

TEST(JsonLines, AnyBytesParse) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  const std::string sent = every + "caf\xc3\xa9 \xf0\x9f\x90\xa6 \xc3 \xed\xa0\x80\"\\\x1b[2J\x7f";
  EXPECT_EQ(parsed(json_lines(origin(), "caf\xc3\xa9 \xff", kLongest))[0]["message"],
            "caf\xc3\xa9 \xef\xbf\xbd");
  parsed(json_lines(origin(), sent, kLongest));
  Incident incident = deadline();
  incident.method = incident.peer = incident.stacks = sent;
  incident.target = sent + sent + sent;
  const std::vector<Json> objects = parsed(json_lines(origin(), incident, kLongest));
  EXPECT_TRUE(objects[0]["method"].get<std::string>().starts_with(std::string(1, '\0') + "\x01"));
}

TEST(JsonLines, LineOfAStream) {
  Origin application = origin(Level::Error);
  application.stream = "wsgi.errors";
  const Json line = parsed(json_lines(application, "oh", kLongest))[0];
  EXPECT_EQ(line["stream"], "wsgi.errors");
  EXPECT_EQ(line["message"], "oh");
}

TEST(JsonLines, ALongMessageGoesInPartsThatEndWithALine) {
  std::string text = "Error handling request GET /\n";
  for (int i = 0; i < 200; ++i) text += fmt::format("  File \"views.py\", line {}, in view\n", i);
  const std::vector<Json> parts = parsed(json_lines(origin(Level::Error), text, kLongest));
  ASSERT_EQ(parts.size(), 2U);
  expect_numbered(parts);
  EXPECT_EQ(joined_messages(parts), text);
  EXPECT_TRUE(parts[0]["message"].get<std::string>().ends_with("in view\n"));
  const std::vector<Json> whole =
      parsed(json_lines(origin(), text, LogRing::kLongestRecord), LogRing::kLongestRecord);
  EXPECT_EQ(whole.size(), 1U);
  EXPECT_FALSE(whole[0].contains("record"));
}

TEST(JsonLines, PartsAreCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += i % 3 == 0 ? "\xd0\x9f" : i % 3 == 1 ? "x" : "\xf0\x9f\x90\xa6";
  const std::vector<Json> parts = parsed(json_lines(origin(), text, kLongest));
  EXPECT_GT(parts.size(), 2U);
  expect_numbered(parts);
  EXPECT_EQ(joined_messages(parts), text);
}

TEST(JsonLines, AnIncidentHasFieldsInsteadOfAText) {
  const std::vector<Json> objects = parsed(json_lines(origin(Level::Error), deadline(), kLongest));
  ASSERT_EQ(objects.size(), 1U);
  const Json expected = Json::parse(R"({
    "time": "2026-11-22T18:03:24.007Z", "level": "error", "pid": 71,
    "message": "Request timed out", "incident": "deadline", "request": 42,
    "method": "GET", "target": "/reports/1?full=yes", "peer": "10.0.0.7", "phase": "running",
    "age_seconds": 5.002, "queued_seconds": 0.25, "bytes_in": 120, "bytes_out": 0,
    "cpu_seconds": 0.003, "slot": 1, "thread": "0x00007f0012345678", "waits_in": "recvfrom",
    "action": "answered 504",
    "stacks": ["Thread 0x00007f0012345678 (most recent call first):",
               "  File \"app.py\", line 7 in view"]})");
  EXPECT_EQ(objects[0], expected);
}

TEST(JsonLines, AnIncidentLeavesOutWhatIsNotKnown) {
  Incident incident;
  incident.kind = Incident::Kind::Slow;
  incident.phase = "queued";
  incident.age = Millis(1500);
  const Json object = parsed(json_lines(origin(), incident, kLongest))[0];
  for (const char* name : {"peer", "queued_seconds", "bytes_in", "cpu_seconds", "slot", "thread",
                           "waits_in", "action", "stacks", "record"}) {
    EXPECT_FALSE(object.contains(name)) << name;
  }
  EXPECT_EQ(object["incident"], "slow");
}

TEST(JsonLines, LongStacksGoInPartsOfTheSameRequest) {
  Incident incident = deadline();
  std::vector<std::string> frames;
  for (int i = 0; i < 5000; ++i)
    frames.push_back(fmt::format("  File \"views.py\", line {} in f", i));
  incident.stacks.clear();
  for (const std::string& frame : frames) incident.stacks += frame + "\n";
  const std::vector<Json> parts = parsed(json_lines(origin(), incident, kLongest));
  EXPECT_GT(parts.size(), 40U);
  expect_numbered(parts);
  EXPECT_EQ(joined_stacks(parts), frames);
  EXPECT_EQ(parts[0]["action"], "answered 504");
  for (const Json& part : parts) {
    EXPECT_EQ(part["request"], 42);
    EXPECT_EQ(part["incident"], "deadline");
  }
}

TEST(JsonLines, WhatWouldFillTheLineIsCutAndMarked) {
  Incident incident = deadline();
  for (std::string* text : {&incident.method, &incident.target, &incident.peer, &incident.action}) {
    *text = std::string(20'000, '\xff');
  }
  incident.queued = incident.age = Nanos(std::numeric_limits<Nanos::rep>::max());
  incident.bytes_in = incident.bytes_out = incident.request =
      std::numeric_limits<std::uint64_t>::max();
  incident.waits_in = "rt_sigtimedwait";
  incident.phase = "awaiting interpreter";
  incident.kind = Incident::Kind::WorkerTimeout;
  incident.stacks = std::string(20'000, 'x') + "\n  File \"app.py\", line 7 in view";
  const std::vector<Json> parts = parsed(json_lines(origin(Level::Critical), incident, kLongest));
  for (const char* name : {"method", "target", "peer", "action"}) {
    EXPECT_TRUE(parts[0][name].get<std::string>().ends_with("...")) << name;
  }
  const std::vector<std::string> frames = joined_stacks(parts);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_TRUE(frames[0].ends_with("xxx..."));
  EXPECT_GT(frames[0].size(), 3000U);
  EXPECT_EQ(frames[1], "  File \"app.py\", line 7 in view");
}

TEST(JsonLines, StacksOfAWorkerAreARecordOfTheirOwn) {
  const StackRecord stacks{Incident::Kind::WorkerTimeout, "Where every thread stands", "one\ntwo"};
  const Json object = parsed(json_lines(origin(Level::Error), stacks, kLongest))[0];
  EXPECT_EQ(object["message"], "Where every thread stands");
  EXPECT_EQ(object["incident"], "worker_timeout");
  EXPECT_EQ(object["stacks"], (Json{"one", "two"}));
  EXPECT_FALSE(object.contains("request"));
}

}  // namespace
}  // namespace winghorn::log
