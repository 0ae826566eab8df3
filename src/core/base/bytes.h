// bytes.h: a run of bytes that somebody else owns.
//
// Bytes from the wire are text to a parser, so the type is string_view: no encoding is implied and
// NUL is a byte like any other. Whoever hands one out says until when it is valid.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace winghorn {

using Bytes = std::string_view;

}  // namespace winghorn
