// SPDX-License-Identifier: MIT
#include "core/log/record.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>

#include "core/log/json_lines.h"
#include "core/log/log_line.h"

namespace winghorn::log {
namespace {

std::atomic<Format> chosen{Format::Text};
std::atomic<std::size_t> longest{kShortestJsonLine};
std::atomic<std::uint64_t> count{0};

Origin here(Level level) {
  return {level, std::chrono::system_clock::now(), ::getpid(),
          count.fetch_add(1, std::memory_order_relaxed) + 1};
}

std::size_t longest_line() { return longest.load(std::memory_order_relaxed); }

template <class Told>
std::string one_or_the_other(Level level, const Told& told) {
  if (format_is(Format::Json)) return json_lines(here(level), told, longest_line());
  return record_of(level, text_of(told));
}

}  // namespace

void choose_format(Format format, std::size_t longest_line) {
  longest.store(std::max(longest_line, kShortestJsonLine), std::memory_order_relaxed);
  chosen.store(format, std::memory_order_relaxed);
}

bool format_is(Format format) { return chosen.load(std::memory_order_relaxed) == format; }

std::string record_of(Level level, std::string_view message) {
  if (format_is(Format::Text)) return error_line(level, message, std::time(nullptr), ::getpid());
  return json_lines(here(level), message, longest_line());
}

std::string record_of(Level level, const Incident& incident) {
  return one_or_the_other(level, incident);
}

std::string record_of(Level level, const StackRecord& stacks) {
  return one_or_the_other(level, stacks);
}

std::string stream_record(std::string_view line) {
  Origin origin = here(Level::Error);
  origin.stream = "wsgi.errors";
  return json_lines(origin, line, longest_line());
}

}  // namespace winghorn::log
