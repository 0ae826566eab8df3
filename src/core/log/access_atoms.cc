// SPDX-License-Identifier: MIT
#include "core/log/access_atoms.h"

#include <cstdint>

namespace winghorn::log {
namespace {

int base64_digit(char letter) {
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
  if (letter >= '0' && letter <= '9') return letter - '0' + 52;
  if (letter == '+') return 62;
  return letter == '/' ? 63 : -1;
}

// False when the text cannot be whole: as Python's b64decode, other letters are passed over.
bool base64_decode(Bytes text, std::string& out) {
  std::uint32_t bits = 0;
  unsigned digits = 0;
  unsigned padding = 0;
  for (const char letter : text) {
    if (letter == '=') ++padding;
    const int digit = base64_digit(letter);
    if (digit < 0) continue;
    if (padding > 0) break;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    if (++digits % 4 == 0) {
      out += {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8), static_cast<char>(bits)};
    }
  }
  const unsigned left = digits % 4;
  if (left == 1 || (left != 0 && left + padding < 4)) return false;
  if (left >= 2) out += static_cast<char>(bits >> (left == 2 ? 4 : 10));
  if (left == 3) out += static_cast<char>(bits >> 2);
  return true;
}

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(Bytes text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    const unsigned more = first < 0x80   ? 0
                          : first < 0xc2 ? 9
                          : first < 0xe0 ? 1
                          : first < 0xf0 ? 2
                                         : 3;
    if (more == 9 || first > 0xf4 || i + more >= text.size()) return false;
    std::uint32_t point = more == 0 ? first : first & (0x3f >> more);
    for (unsigned k = 1; k <= more; ++k) {
      const auto byte = static_cast<std::uint8_t>(text[i + k]);
      if ((byte & 0xc0) != 0x80) return false;
      point = point << 6 | (byte & 0x3f);
    }
    if (more == 2 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) return false;
    if (more == 3 && (point < 0x10000 || point > 0x10ffff)) return false;
    i += more + 1;
  }
  return true;
}

bool is_basic(Bytes scheme) {
  constexpr Bytes kBasic = "basic";
  if (scheme.size() < kBasic.size()) return false;
  for (std::size_t i = 0; i < kBasic.size(); ++i) {
    if ((scheme[i] | 0x20) != kBasic[i]) return false;
  }
  return true;
}

}  // namespace

Bytes basic_auth_user(Bytes authorization, std::string& scratch) {
  const std::size_t space = authorization.find(' ');
  if (space == Bytes::npos || !is_basic(authorization)) return {};
  scratch.clear();
  if (!base64_decode(authorization.substr(space + 1), scratch)) return {};
  const Bytes user = Bytes(scratch).substr(0, scratch.find(':'));
  return user.empty() || !is_utf8(user) ? Bytes() : user;
}

}  // namespace winghorn::log
