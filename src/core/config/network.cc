// SPDX-License-Identifier: MIT
#include "core/config/network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/base/number_text.h"
#include "core/config/value.h"

namespace winghorn::config {
namespace {

constexpr unsigned kWidth = 128;
constexpr unsigned kMappedPrefix = 96;
constexpr std::array<std::uint8_t, 12> kMappedMark{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const Address& address) {
  return std::equal(kMappedMark.begin(), kMappedMark.end(), address.begin());
}

bool bit(const Address& address, unsigned index) {
  return ((address[index / 8] >> (7 - index % 8)) & 1) != 0;
}

bool is_zero_from(const Address& address, unsigned index) {
  while (index < kWidth && !bit(address, index)) ++index;
  return index == kWidth;
}

// "255.0.0.0": so many of its bits are one, if all others are zero.
std::optional<unsigned> mask_length(std::string_view text) {
  const std::optional<Address> mask = parse_address(text);
  if (!mask || text.find(':') != std::string_view::npos) return std::nullopt;
  unsigned end = kMappedPrefix;
  while (end < kWidth && bit(*mask, end)) ++end;
  return is_zero_from(*mask, end) ? std::optional(end - kMappedPrefix) : std::nullopt;
}

// "8", or for IPv4 "255.0.0.0".
std::optional<unsigned> prefix_length(std::string_view text, bool is_v4) {
  const std::optional<unsigned> length = number_from<unsigned>(text);
  if (!length) return is_v4 ? mask_length(text) : std::nullopt;
  return *length <= (is_v4 ? 32U : kWidth) ? length : std::nullopt;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const std::string terminated(text);
  Address address{};
  if (::inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  std::copy(kMappedMark.begin(), kMappedMark.end(), address.begin());
  const int found = ::inet_pton(AF_INET, terminated.c_str(), address.data() + kMappedMark.size());
  return found == 1 ? std::optional(address) : std::nullopt;
}

bool Network::holds(const Address& one) const {
  if (is_mapped(one) && prefix < kMappedPrefix) return false;
  Address difference{};
  for (std::size_t i = 0; i < one.size(); ++i) {
    difference[i] = static_cast<std::uint8_t>(one[i] ^ address[i]);
  }
  unsigned same = 0;
  while (same < prefix && !bit(difference, same)) ++same;
  return same == prefix;
}

std::variant<Network, std::string> parse_network(std::string_view text) {
  std::string not_a_network =
      fmt::format("{} does not appear to be an IPv4 or IPv6 network", quote(text));
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const std::optional<Address> address = parse_address(host);
  if (!address) return not_a_network;
  Network network{*address};
  if (slash == std::string_view::npos) return network;
  const bool is_v4 = host.find(':') == std::string_view::npos;
  const std::optional<unsigned> length = prefix_length(text.substr(slash + 1), is_v4);
  if (!length) return not_a_network;
  network.prefix = is_v4 ? kMappedPrefix + *length : *length;
  if (!is_zero_from(*address, network.prefix)) return fmt::format("{} has host bits set", text);
  return network;
}

}  // namespace winghorn::config
