// address.h: where to listen, as a user writes it.
//
// Only the spelling is judged here: nothing is looked up, opened or bound.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace winghorn::config {

struct BindAddress {
  enum class Family : std::uint8_t { Tcp4, Tcp6, Unix, Descriptor };

  Family family = Family::Tcp4;
  std::string host = {};   // Tcp4: a name or an address, never empty; Tcp6: an address, no brackets
  std::uint16_t port = 0;  // Tcp4, Tcp6; 0: the kernel chooses
  std::string path = {};   // Unix; with a first byte of NUL an abstract name
  int descriptor = -1;     // Descriptor

  bool operator==(const BindAddress&) const = default;
};

// HOST, HOST:PORT, tcp://HOST[:PORT], [V6], [V6]:PORT, unix:PATH, unix://PATH, fd://N. Without a port
// it is 8000, without a host 0.0.0.0. The string is a complaint that names what is wrong, one line.
std::variant<BindAddress, std::string> parse_bind_address(std::string_view text);

}  // namespace winghorn::config
