// SPDX-License-Identifier: MIT
#include "core/log/json_text.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>

namespace winghorn::log {

std::string line_of(const Json& object) {
  return object.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

std::string rfc3339(std::chrono::system_clock::time_point when) {
  const auto millis = std::chrono::floor<Millis>(when.time_since_epoch()).count();
  const auto seconds = static_cast<std::time_t>(millis / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char moment[40];
  const std::size_t size = std::strftime(moment, sizeof moment, "%Y-%m-%dT%H:%M:%S", &utc);
  return fmt::format("{}.{:03}Z", std::string_view(moment, size), millis % 1000);
}

double seconds_of(Nanos nanos) {
  return std::round(std::chrono::duration<double, std::milli>(nanos).count()) / 1000;
}

}  // namespace winghorn::log
