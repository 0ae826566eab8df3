// SPDX-License-Identifier: MIT
#include "supervisor/process_title.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

namespace winghorn::supervisor {
namespace {

// Of /proc/self/stat, counted from behind the program's name, which may hold anything: proc(5) calls
// them 48 and 49.
constexpr int kArgStart = 48 - 3;
constexpr int kArgEnd = 49 - 3;

std::uintptr_t field(std::string_view text, int index) {
  for (; index > 0; --index) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return 0;
    text.remove_prefix(blank + 1);
  }
  std::uintptr_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::span<char> find_arguments() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return {};
  const std::string_view fields = std::string_view(text).substr(name_end + 2);
  const std::uintptr_t first = field(fields, kArgStart);
  const std::uintptr_t last = field(fields, kArgEnd);
  // Under an emulator (valgrind) these are its own arguments, not ours.
  const bool is_ours = first == reinterpret_cast<std::uintptr_t>(program_invocation_name);
  if (!is_ours || last <= first) return {};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives the address as a number
  return {reinterpret_cast<char*>(first), static_cast<std::size_t>(last - first)};
}

}  // namespace

void set_process_title(std::string_view title) {
  static const std::span<char> room = find_arguments();
  if (room.empty()) return;
  // The last byte stays 0: without it the kernel takes what follows, the environment, for the title too.
  const std::string_view shown = title.substr(0, room.size() - 1);
  std::ranges::fill(std::ranges::copy(shown, room.begin()).out, room.end(), '\0');
}

}  // namespace winghorn::supervisor
