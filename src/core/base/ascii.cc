// SPDX-License-Identifier: MIT
#include "core/base/ascii.h"

namespace winghorn {
namespace {

// -1 for what is no digit.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = lower_case(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string lower_case(Bytes text) {
  std::string lower(text);
  for (char& c : lower) c = lower_case(c);
  return lower;
}

std::string upper_case(Bytes text) {
  std::string upper(text);
  for (char& c : upper) c = upper_case(c);
  return upper;
}

Bytes percent_decoded(Bytes path, std::string& scratch) {
  if (path.find('%') == Bytes::npos) return path;
  scratch.clear();
  scratch.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool escape = path[i] == '%' && i + 2 < path.size();
    const int high = escape ? hex_digit(path[i + 1]) : -1;
    const int low = escape ? hex_digit(path[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      scratch += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      scratch += path[i];
    }
  }
  return scratch;
}

}  // namespace winghorn
