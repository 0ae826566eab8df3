// network.h: a block of addresses, as trust lists name them.
//
// "10.0.0.0/8", "10.0.0.0/255.0.0.0", "::1", "192.0.2.7". Strict: bits beyond the prefix are a mistake.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace winghorn::config {

// An IPv4 address is kept as its v4-mapped IPv6 one: both spellings of it are the same.
using Address = std::array<std::uint8_t, 16>;

std::optional<Address> parse_address(std::string_view text);

struct Network {
  Address address{};
  unsigned prefix = 128;  // so many of its bits count

  // "::/0" is every IPv6 address and no IPv4 one.
  bool holds(const Address& one) const;
};

// The string is what Python's ipaddress module would complain of.
std::variant<Network, std::string> parse_network(std::string_view text);

}  // namespace winghorn::config
