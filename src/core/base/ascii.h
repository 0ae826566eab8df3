// ascii.h: letters, digits and URL escapes, in ASCII and whatever the locale.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/bytes.h"

namespace winghorn {

constexpr char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr char upper_case(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string lower_case(Bytes text);
std::string upper_case(Bytes text);

// What the bytes of a URL's path stand for (urllib.parse.unquote_to_bytes); a bad escape stands for itself.
// The result lies in `scratch` when something was decoded.
Bytes percent_decoded(Bytes path, std::string& scratch);

}  // namespace winghorn
