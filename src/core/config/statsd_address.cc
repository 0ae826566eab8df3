// SPDX-License-Identifier: MIT
#include "core/config/statsd_address.h"

#include <arpa/inet.h>

#include "core/base/number_text.h"

namespace winghorn::config {
namespace {

constexpr unsigned kUsualPort = 8125;
constexpr unsigned kMostPort = 65535;

std::optional<unsigned> port_of(std::string_view text) {
  const auto port = number_from<unsigned>(text);
  return port && *port > 0 && *port <= kMostPort ? port : std::nullopt;
}

std::optional<StatsdAddress> with_port(std::string_view host, std::string_view rest) {
  if (host.empty()) return std::nullopt;
  if (rest.empty()) return StatsdAddress{std::string(host), kUsualPort};
  const auto port = rest.front() == ':' ? port_of(rest.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  return StatsdAddress{std::string(host), *port};
}

}  // namespace

std::optional<StatsdAddress> parse_statsd_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix) && !port_of(text.substr(kUnix.size()))) {
    std::string_view path = text.substr(kUnix.size());
    if (path.starts_with("//")) path.remove_prefix(2);
    if (path.empty()) return std::nullopt;
    return StatsdAddress{std::string(path), 0};
  }
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string host(text.substr(1, end - 1));
    in6_addr address{};
    if (::inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::nullopt;
    return with_port(host, text.substr(end + 1));
  }
  const std::size_t colon = text.find(':');
  return with_port(text.substr(0, colon),
                   colon == std::string_view::npos ? "" : text.substr(colon));
}

}  // namespace winghorn::config
