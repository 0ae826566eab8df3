// words.h: the little that settings need done to text. ASCII only, whatever the locale.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace winghorn::config {

// Without white space at either end, as Python's str.strip().
std::string_view stripped(std::string_view text);

// The stripped items between separators; empty ones are left out.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace winghorn::config
