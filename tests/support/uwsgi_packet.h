// uwsgi_packet.h: uwsgi packets as a gateway makes them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace winghorn {

using Variables = std::vector<std::pair<std::string, std::string>>;

inline std::string uwsgi_number(std::size_t number) {
  return {static_cast<char>(number & 255U), static_cast<char>(number >> 8U)};
}

inline std::string uwsgi_text(const std::string& text) { return uwsgi_number(text.size()) + text; }

// With any bytes for variables.
inline std::string uwsgi_packet_of(const std::string& block) {
  return std::string(1, '\0') + uwsgi_number(block.size()) + std::string(1, '\0') + block;
}

inline std::string uwsgi_packet(const Variables& variables) {
  std::string block;
  for (const auto& [name, value] : variables) block += uwsgi_text(name) + uwsgi_text(value);
  return uwsgi_packet_of(block);
}

}  // namespace winghorn
