// dates.h: the time of day as HTTP writes it (RFC 9110 5.6.7, IMF-fixdate).
//
// DateLine makes the text once a second and lends it until its next call; the loop's owner alone may
// use one. No locale has a say: an application may set one in this process.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <ctime>

#include "core/base/bytes.h"

namespace winghorn {

constexpr std::size_t kHttpDateBytes = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
using HttpDate = std::array<char, kHttpDateBytes>;

// Years 1970 to 9999; a time outside of them is moved to the nearer end.
HttpDate format_http_date(std::time_t when);

// The wall clock, seconds since 1970, at the kernel's tick: exact enough for a header and nearly free.
std::time_t wall_seconds();

class DateLine {
 public:
  using Source = std::time_t (*)();
  explicit DateLine(Source source = wall_seconds) : source_(source) {}

  Bytes text();

 private:
  Source source_;
  std::time_t made_for_ = -1;
  HttpDate text_{};
};

}  // namespace winghorn
