// SPDX-License-Identifier: MIT
#include "core/config/print_config.h"

#include <fmt/format.h>

#include <algorithm>

namespace winghorn::config {

std::string print_config(const LoadedSettings& loaded) {
  std::size_t column = 0;
  for (const auto& [name, value] : loaded.values) column = std::max(column, name.size());
  std::string out;
  for (const auto& [name, value] : loaded.values) {
    out += fmt::format("{:{}} = {}\n", name, column, str(value));
  }
  return out;
}

}  // namespace winghorn::config
