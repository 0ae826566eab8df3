// json_lines.h: how a record of the error log looks as JSON: lines that are one object each.
//
//   {"time":"2026-11-22T18:03:24.007Z","level":"info","pid":71,"message":"Booting worker with pid: 71"}
//
// Whatever bytes come in, a line is printable ASCII and parses; what is not UTF-8 becomes U+FFFD. A line is
// never longer than `longest`, its newline included. A record that does not fit goes in several lines, which
// share time, pid and "record" and count "part" of "parts": put together, messages and stacks are whole. So
// long a record is seldom anything but stacks, and those are not shortened instead, because the one frame
// that matters may stand anywhere in sixty threads of ninety. A client's own words that would fill the
// line (a target of several kilobytes) are cut and end in "...", as on the scoreboard.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/log/incident.h"
#include "core/log/log.h"

namespace winghorn::log {

// The least that `longest` may be: what a pipe takes whole, and room for every field of an incident.
inline constexpr std::size_t kShortestJsonLine = 4096;

struct Origin {
  Level level = Level::Info;
  std::chrono::system_clock::time_point when;
  long pid = 0;
  std::uint64_t number = 0;      // of the record in its process
  std::string_view stream = {};  // whose line it is, if not the server's own
};

std::string json_lines(const Origin& origin, std::string_view message, std::size_t longest);
std::string json_lines(const Origin& origin, const Incident& incident, std::size_t longest);
std::string json_lines(const Origin& origin, const StackRecord& stacks, std::size_t longest);

}  // namespace winghorn::log
