// SPDX-License-Identifier: MIT
#include "core/http/dates.h"

#include <algorithm>

namespace winghorn {
namespace {

constexpr Bytes kDays = "SunMonTueWedThuFriSat";
constexpr Bytes kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::time_t kLast = 253402300799;  // 9999-12-31 23:59:59

char* put_digits(char* at, int value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  return at + width;
}

char* put_text(char* at, Bytes text) { return std::copy(text.begin(), text.end(), at); }

}  // namespace

HttpDate format_http_date(std::time_t when) {
  const std::time_t clamped = std::clamp<std::time_t>(when, 0, kLast);
  std::tm parts{};
  ::gmtime_r(&clamped, &parts);
  HttpDate text;
  char* at = text.data();
  at = put_text(at, kDays.substr(static_cast<std::size_t>(parts.tm_wday) * 3, 3));
  at = put_text(at, ", ");
  at = put_digits(at, parts.tm_mday, 2);
  at = put_text(at, " ");
  at = put_text(at, kMonths.substr(static_cast<std::size_t>(parts.tm_mon) * 3, 3));
  at = put_text(at, " ");
  at = put_digits(at, parts.tm_year + 1900, 4);
  at = put_text(at, " ");
  at = put_digits(at, parts.tm_hour, 2);
  at = put_text(at, ":");
  at = put_digits(at, parts.tm_min, 2);
  at = put_text(at, ":");
  at = put_digits(at, parts.tm_sec, 2);
  put_text(at, " GMT");
  return text;
}

std::time_t wall_seconds() {
  std::timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

Bytes DateLine::text() {
  const std::time_t second = source_();
  if (second != made_for_) {
    text_ = format_http_date(second);
    made_for_ = second;
  }
  return {text_.data(), text_.size()};
}

}  // namespace winghorn
