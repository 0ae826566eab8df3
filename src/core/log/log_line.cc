// SPDX-License-Identifier: MIT
#include "core/log/log_line.h"

#include <algorithm>
#include <array>

namespace winghorn::log {
namespace {

constexpr std::string_view kCutMark = "...\n";
constexpr std::array<std::string_view, 5> kNames = {"DEBUG", "INFO", "WARNING", "ERROR",
                                                    "CRITICAL"};

}  // namespace

std::string error_line(Level level, std::string_view message, std::time_t when, long pid) {
  std::tm local{};
  ::localtime_r(&when, &local);
  char moment[40];
  const std::size_t size = std::strftime(moment, sizeof moment, "%Y-%m-%d %H:%M:%S %z", &local);
  std::string line = fmt::format("[{}] [{}] [{}] ", std::string_view(moment, size), pid,
                                 kNames[static_cast<std::size_t>(level)]);
  line += message;
  if (!message.ends_with('\n')) line += '\n';
  return line;
}

Bytes take_lines(Bytes& text, std::size_t most, std::string& scratch) {
  if (text.size() <= most) {
    scratch.clear();
    return std::exchange(text, {});
  }
  const std::size_t end = text.substr(0, most).rfind('\n');
  if (end != Bytes::npos) {
    const Bytes lines = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    return lines;
  }
  scratch.assign(text, 0, most - kCutMark.size());
  scratch += kCutMark;
  const std::size_t next = text.find('\n');
  text.remove_prefix(next == Bytes::npos ? text.size() : next + 1);
  return scratch;
}

void leave_out_lines(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  const std::size_t begin = text.rfind('\n', most / 2) + 1;  // 0 after npos
  const std::size_t found = text.find('\n', text.size() - most / 2);
  const std::size_t end = found == std::string::npos ? text.size() : found + 1;
  const Bytes out = Bytes(text).substr(begin, end - begin);
  const auto lines = std::count(out.begin(), out.end(), '\n') + (out.ends_with('\n') ? 0 : 1);
  text.replace(begin, end - begin, fmt::format("... {} more lines ...\n", lines));
}

Bytes take_part(Bytes& text, std::size_t most) {
  if (text.size() <= most) return std::exchange(text, {});
  const std::size_t end = text.substr(0, most).rfind('\n');
  const Bytes part = text.substr(0, end == Bytes::npos ? most : end + 1);
  text.remove_prefix(part.size());
  return part;
}

}  // namespace winghorn::log
