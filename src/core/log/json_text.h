// json_text.h: what all JSON lines of the log have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/clock.h"

namespace winghorn::log {

// Members keep the order in which they were set.
using Json = nlohmann::ordered_json;

// Printable ASCII, newline included; what is not UTF-8 becomes U+FFFD.
std::string line_of(const Json& object);

// "2026-11-22T18:03:24.007Z"
std::string rfc3339(std::chrono::system_clock::time_point when);

// To the millisecond.
double seconds_of(Nanos nanos);

}  // namespace winghorn::log
