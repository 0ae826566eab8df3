// SPDX-License-Identifier: MIT
#include "core/config/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <optional>

#include "core/base/ascii.h"
#include "core/base/number_text.h"
#include "core/config/value.h"

namespace winghorn::config {
namespace {

using Parsed = std::variant<BindAddress, std::string>;
using Family = BindAddress::Family;

constexpr std::uint16_t kDefaultPort = 8000;

// Decimal digits and nothing else; none if the number is beyond what an int holds.
std::optional<int> digits(std::string_view text) {
  const std::optional<int> number = number_from<int>(text);
  return number && *number >= 0 ? number : std::nullopt;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Parsed with_port(BindAddress address, std::string_view port) {
  const std::optional<int> number = digits(port);
  if (!number && !all_digits(port)) {
    return fmt::format("{} is not a valid port number.", quote(port));
  }
  if (!number || *number > 65535) {
    return fmt::format("{} is not a valid port number: ports end at 65535.", quote(port));
  }
  address.port = static_cast<std::uint16_t>(*number);
  return address;
}

Parsed unix_address(std::string_view path) {
  if (path.empty()) return std::string("a unix: address needs a path, as in unix:/run/app.sock");
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kLongest) {
    return fmt::format("the socket's path is {} bytes long; the system allows {}", path.size(),
                       kLongest);
  }
  return BindAddress{.family = Family::Unix, .path = std::string(path)};
}

Parsed descriptor_address(std::string_view number) {
  const std::optional<int> descriptor = digits(number);
  if (!descriptor) return fmt::format("{} is not a valid file descriptor.", quote(number));
  return BindAddress{.family = Family::Descriptor, .descriptor = *descriptor};
}

// text begins with '['.
Parsed bracketed_address(std::string_view text) {
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos) return std::string("the ']' is missing");
  const std::string host = lower_case(text.substr(1, end - 1));
  in6_addr ignored{};
  // A zone (fe80::1%eth0) is for whoever resolves the address.
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &ignored) != 1) {
    return fmt::format("{} is not an IPv6 address", quote(host));
  }
  BindAddress address{.family = Family::Tcp6, .host = host, .port = kDefaultPort};
  const std::string_view rest = text.substr(end + 1);
  if (rest.empty()) return address;
  if (rest.front() != ':') return fmt::format("{} after ']' is not a port", quote(rest));
  return with_port(address, rest.substr(1));
}

Parsed host_address(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
    return std::string("an IPv6 address stands in brackets, as in [::1]:8000");
  }
  if (text.find_first_of("/, \t") != std::string_view::npos) {
    return std::string("no host's name has these characters (give each address its own --bind)");
  }
  BindAddress address{.family = Family::Tcp4,
                      .host = host.empty() ? "0.0.0.0" : lower_case(host),
                      .port = kDefaultPort};
  if (colon == std::string_view::npos) return address;
  return with_port(address, text.substr(colon + 1));
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!lower_case(text.substr(0, prefix.size())).starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::variant<BindAddress, std::string> parse_bind_address(std::string_view text) {
  if (take_prefix(text, "unix://") || take_prefix(text, "unix:")) return unix_address(text);
  if (take_prefix(text, "fd://")) return descriptor_address(text);
  if (!text.empty() && text.front() == '\0') return unix_address(text);
  take_prefix(text, "tcp://");
  if (text.starts_with('[')) return bracketed_address(text);
  return host_address(text);
}

}  // namespace winghorn::config
