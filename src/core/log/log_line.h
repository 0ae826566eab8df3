// log_line.h: how a record of the error log looks as text, and how long texts are cut.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/bytes.h"
#include "core/log/log.h"

namespace winghorn::log {

// "[2026-11-22 18:03:24 +0000] [71] [INFO] message\n"; the time is local.
std::string error_line(Level level, std::string_view message, std::time_t when, long pid);

// The first part of `text` that fits into `most` bytes and ends with a line; takes it off `text`. A line that
// is longer than that is cut and marked, which `scratch` holds.
Bytes take_lines(Bytes& text, std::size_t most, std::string& scratch);

// Likewise, but nothing is cut away: what is longer than a line may be goes in several parts.
Bytes take_part(Bytes& text, std::size_t most);

// Of a text over `most` bytes, whole lines in its middle: a line there says how many.
void leave_out_lines(std::string& text, std::size_t most);

}  // namespace winghorn::log
