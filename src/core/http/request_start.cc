// SPDX-License-Identifier: MIT
#include "core/http/request_start.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace winghorn {
namespace {

constexpr Nanos kLongestWait = std::chrono::hours(1);

// Of numbers that mean a moment between 1973 and 2286.
constexpr std::uint64_t kLeastMillis = 100'000'000'000;
constexpr std::uint64_t kLeastMicros = kLeastMillis * 1000;
constexpr std::uint64_t kLeastNanos = kLeastMicros * 1000;
constexpr std::uint64_t kMost = kLeastNanos * 90;  // what Nanos can hold

Nanos unit_of(std::uint64_t number) {
  if (number >= kLeastNanos) return Nanos(1);
  if (number >= kLeastMicros) return std::chrono::microseconds(1);
  return number >= kLeastMillis ? Nanos(Millis(1)) : Nanos(Seconds(1));
}

// Digits behind a point, as a part of `unit`.
std::optional<Nanos> fraction(Bytes digits, Nanos unit) {
  Nanos sum{0};
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    unit /= 10;
    sum += unit * (digit - '0');
  }
  return sum;
}

}  // namespace

std::optional<Nanos> waited_since(Bytes request_start, Nanos now) {
  if (request_start.starts_with("t=")) request_start.remove_prefix(2);
  const char* const begin = request_start.data();
  const char* const end = begin + request_start.size();
  std::uint64_t number = 0;
  const auto [rest, fault] = std::from_chars(begin, end, number);
  if (fault != std::errc() || number > kMost) return std::nullopt;
  const Nanos unit = unit_of(number);
  Nanos moment = unit * static_cast<Nanos::rep>(number);
  if (rest != end) {
    const std::optional<Nanos> more =
        *rest == '.' ? fraction(Bytes(rest + 1, static_cast<std::size_t>(end - rest - 1)), unit)
                     : std::nullopt;
    if (!more) return std::nullopt;
    moment += *more;
  }
  if (now - moment > kLongestWait) return std::nullopt;
  return std::max(now - moment, Nanos(0));
}

}  // namespace winghorn
