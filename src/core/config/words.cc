// SPDX-License-Identifier: MIT
#include "core/config/words.h"

#include <algorithm>

namespace winghorn::config {

std::string_view stripped(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n\r\f\v";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> items;
  while (true) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view item = stripped(text.substr(0, end));
    if (!item.empty()) items.emplace_back(item);
    if (end == text.size()) return items;
    text.remove_prefix(end + 1);
  }
}

}  // namespace winghorn::config
