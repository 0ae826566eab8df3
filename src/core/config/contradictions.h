// contradictions.h: settings that are right one by one, and not together.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"

namespace winghorn::config {

struct Contradiction {
  std::string_view setting;  // that would have to change
  std::string text;          // what is wrong, and what would be right
  bool is_fatal = false;     // else it is a warning
};

// `is_given`: whether a setting was given a value other than its default.
std::vector<Contradiction> contradictions(
    const Settings& settings, const std::function<bool(std::string_view name)>& is_given);

}  // namespace winghorn::config
