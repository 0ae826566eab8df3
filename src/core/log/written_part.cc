// SPDX-License-Identifier: MIT
#include "core/log/written_part.h"

#include <algorithm>

namespace winghorn::log {
namespace {

constexpr std::uint64_t kPage = 4096;  // larger ones are multiples

std::size_t common_length(Bytes one, Bytes other) {
  const auto ends = std::ranges::mismatch(one, other);
  return static_cast<std::size_t>(ends.in1 - one.begin());
}

}  // namespace

WrittenPart written_part(Bytes lines, Bytes text, std::uint64_t place) {
  if (text.find(lines) != Bytes::npos) return {lines.size(), false};
  WrittenPart longest;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t same = common_length(text.substr(start), lines);
    const std::uint64_t begin = place + start;
    const std::uint64_t cut = (begin + same) / kPage * kPage;
    if (cut > begin && cut - begin > longest.bytes) {
      longest.bytes = static_cast<std::size_t>(cut - begin);
      longest.ends_the_file = cut == place + text.size() && lines[longest.bytes - 1] != '\n';
    }
    const std::size_t newline = text.find('\n', start);
    start = newline == Bytes::npos ? text.size() : newline + 1;
  }
  return longest;
}

}  // namespace winghorn::log
