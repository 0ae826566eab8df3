// SPDX-License-Identifier: MIT
#include "core/log/escape.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace winghorn::log {
namespace {

constexpr std::array<bool, 256> kHarmless = [] {
  std::array<bool, 256> table{};
  for (int byte = 0x20; byte < 0x7f; ++byte) table[byte] = byte != '"' && byte != '\\';
  return table;
}();

bool harmless(char byte) { return kHarmless[static_cast<std::uint8_t>(byte)]; }

// Whether one of eight bytes is harmful. Each term has the top bit of a byte set where it is (a) beyond
// ASCII, (b) below space, (c) one of the three single ones. A borrow can only mark a byte above one
// that is marked rightly, which does not change the answer.
bool any_harmful(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const auto is = [bytes](std::uint64_t wanted) { return (bytes ^ (kOnes * wanted)) - kOnes; };
  return ((bytes | (bytes - kOnes * 0x20) | is('"') | is('\\') | is(0x7f)) & (kOnes * 0x80)) != 0;
}

bool eight_harmless(const char* at) {
  std::uint64_t eight = 0;
  std::memcpy(&eight, at, sizeof eight);
  return !any_harmful(eight);
}

// Where the first harmful byte at or behind `at` is, or the size.
std::size_t next_harmful(Bytes raw, std::size_t at) {
  while (at + 8 <= raw.size() && eight_harmless(raw.data() + at)) at += 8;
  // The last eight once more, rather than the rest one by one.
  if (at + 8 > raw.size() && raw.size() >= 8 && eight_harmless(raw.data() + raw.size() - 8)) {
    return raw.size();
  }
  while (at < raw.size() && harmless(raw[at])) ++at;
  return at;
}

void append_harmful(std::string& out, char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto value = static_cast<std::uint8_t>(byte);
  out += '\\';
  if (byte == '"' || byte == '\\') {
    out += byte;
    return;
  }
  out += 'x';
  out += kDigits[value >> 4];
  out += kDigits[value & 15];
}

}  // namespace

void append_escaped(std::string& out, Bytes raw) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = next_harmful(raw, begin);
    out.append(raw.data() + begin, end - begin);
    if (end == raw.size()) return;
    append_harmful(out, raw[end]);
    begin = end + 1;
  }
}

std::string escape(Bytes raw) {
  std::string out;
  out.reserve(raw.size());
  append_escaped(out, raw);
  return out;
}

}  // namespace winghorn::log
