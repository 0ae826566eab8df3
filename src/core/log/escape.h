// escape.h: bytes from outside, made harmless for a log.
//
// The result is printable ASCII: `"` and `\` get a backslash, every other byte outside 0x20..0x7e
// becomes \xHH. One line stays one line, and a terminal is not steered by what a client sent.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/bytes.h"

namespace winghorn::log {

std::string escape(Bytes raw);
void append_escaped(std::string& out, Bytes raw);

}  // namespace winghorn::log
