// ip_text.h: whether a text is an IP address, as inet_pton has it: no zeros before, no port, no zone.
// SPDX-License-Identifier: MIT
#pragma once

#include <arpa/inet.h>

#include <array>
#include <string>

#include "core/base/bytes.h"

namespace winghorn {

// `family`: AF_INET or AF_INET6.
inline bool is_ip_address(Bytes text, int family) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != Bytes::npos) return false;
  std::array<unsigned char, 16> address{};
  return ::inet_pton(family, std::string(text).c_str(), address.data()) == 1;
}

}  // namespace winghorn
