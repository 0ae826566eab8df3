// SPDX-License-Identifier: MIT
#include "core/proxy/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/ip_text.h"
#include "core/http/grammar.h"

namespace winghorn::proxy {
namespace {

constexpr Bytes kText = "PROXY ";
constexpr Bytes kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kLongestLine = 107;  // CR LF included
constexpr std::size_t kFixedBytes = 16;    // of version 2, before the addresses
constexpr std::size_t kTlvHeaderBytes = 3;
constexpr unsigned kChecksumTlv = 0x03;

enum Command : std::uint8_t { Local = 0, Proxy = 1 };
enum Family : std::uint8_t { Unspecified = 0, Inet = 1, Inet6 = 2, Unix = 3 };
enum Transport : std::uint8_t { AnyTransport = 0, Stream = 1 };

unsigned byte_at(Bytes bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::uint32_t number_at(Bytes bytes, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number << 8U | byte_at(bytes, at + i);
  return number;
}

// Whether `bytes` begins with `wanted`, or could when more has come.
bool may_begin_with(Bytes bytes, Bytes wanted) {
  const std::size_t common = std::min(bytes.size(), wanted.size());
  return bytes.substr(0, common) == wanted.substr(0, common);
}

bool is_port(Bytes text) {
  std::uint64_t number = 0;
  const bool has_zeros_before = text.size() > 1 && text[0] == '0';
  return !has_zeros_before && parse_decimal(text, number) && number <= 65535;
}

// The words between single spaces; false when there are more or fewer.
template <std::size_t count>
bool split(Bytes line, std::array<Bytes, count>& words) {
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const std::size_t space = line.find(' ');
    if (space == Bytes::npos) return false;
    words[i] = line.substr(0, space);
    line.remove_prefix(space + 1);
  }
  words.back() = line;
  return line.find(' ') == Bytes::npos;
}

std::string address_at(Bytes bytes, std::size_t at, int family) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* const made = ::inet_ntop(family, bytes.data() + at, text.data(), text.size());
  return made == nullptr ? std::string() : made;
}

// CRC-32C (RFC 3720 B.4) of `header`, the checksum's own four bytes taken as zero.
std::uint32_t checksum(Bytes header, std::size_t own) {
  constexpr std::uint32_t kReversedPolynomial = 0x82F63B78;
  std::uint32_t sum = ~std::uint32_t{0};
  for (std::size_t at = 0; at < header.size(); ++at) {
    sum ^= at >= own && at < own + 4 ? 0U : byte_at(header, at);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1U ^ ((sum & 1U) != 0 ? kReversedPolynomial : 0);
  }
  return ~sum;
}

// Of a whole header, behind its addresses; what is wrong with them, or nothing.
std::string fault_of_extensions(Bytes header, std::size_t at) {
  while (at < header.size()) {
    if (header.size() - at < kTlvHeaderBytes) return "an extension without its length";
    const unsigned type = byte_at(header, at);
    const std::size_t size = number_at(header, at + 1, 2);
    at += kTlvHeaderBytes;
    if (header.size() - at < size) return "an extension goes beyond the end";
    if (type == kChecksumTlv && (size != 4 || number_at(header, at, 4) != checksum(header, at))) {
      return "wrong checksum";
    }
    at += size;
  }
  return {};
}

}  // namespace

HeaderReader::Result HeaderReader::feed(Bytes arrived) {
  held_.append(arrived);
  if (versions_.v1 && may_begin_with(held_, kText)) {
    return held_.size() < kText.size() ? Result::More : read_text();
  }
  if (versions_.v2 && may_begin_with(held_, kSignature)) {
    return held_.size() < kFixedBytes ? Result::More : read_binary();
  }
  return Result::Absent;
}

HeaderReader::Result HeaderReader::refuse(Refusal why) {
  refusal_ = std::move(why);
  return Result::Refused;
}

HeaderReader::Result HeaderReader::read_text() {
  const Bytes within = Bytes(held_).substr(0, kLongestLine);
  const std::size_t feed = within.find('\n');
  if (feed == Bytes::npos) {
    return within.size() < kLongestLine ? Result::More : refuse(invalid_proxy_line(within));
  }
  const Bytes line = within.substr(0, feed - 1);
  if (within[feed - 1] != '\r') return refuse(invalid_proxy_line(within.substr(0, feed)));
  used_ = feed + 1;
  if (line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ")) return Result::Complete;
  std::array<Bytes, 6> words;
  if (!split(line, words)) return refuse(invalid_proxy_line(line));
  const auto& [keyword, protocol, source, destination, source_port, destination_port] = words;
  const int family = protocol == "TCP6" ? AF_INET6 : AF_INET;
  const bool is_good = (protocol == "TCP4" || protocol == "TCP6") &&
                       is_ip_address(source, family) && is_ip_address(destination, family) &&
                       is_port(source_port) && is_port(destination_port);
  if (!is_good) return refuse(invalid_proxy_line(line));
  ends_ = std::make_shared<ProxiedEnds>(
      ProxiedEnds{std::string(protocol), std::string(source), std::string(source_port),
                  std::string(destination), std::string(destination_port)});
  return Result::Complete;
}

HeaderReader::Result HeaderReader::read_binary() {
  const unsigned version = byte_at(held_, 12) >> 4U;
  const unsigned command = byte_at(held_, 12) & 15U;
  if (version != 2) return refuse(invalid_proxy_header("version " + std::to_string(version)));
  if (command > Command::Proxy)
    return refuse(invalid_proxy_header("command " + std::to_string(command)));
  const std::size_t length = number_at(held_, 14, 2);
  if (length > most_bytes_) {
    return refuse(invalid_proxy_header(std::to_string(length) + " bytes, more than " +
                                       std::to_string(most_bytes_)));
  }
  if (held_.size() < kFixedBytes + length) return Result::More;
  used_ = kFixedBytes + length;
  if (command == Command::Local) return Result::Complete;
  return read_address_block(byte_at(held_, 13) >> 4U, byte_at(held_, 13) & 15U, length);
}

HeaderReader::Result HeaderReader::read_address_block(unsigned family, unsigned transport,
                                                      std::size_t size) {
  constexpr std::array<std::size_t, 4> kSizes{0, 12, 36, 216};
  if (family >= kSizes.size()) {
    return refuse(invalid_proxy_header("address family " + std::to_string(family)));
  }
  const bool is_unspecified = family == Family::Unspecified && transport == Transport::AnyTransport;
  if (transport != Transport::Stream && !is_unspecified) {
    return refuse(invalid_proxy_header("transport " + std::to_string(transport)));
  }
  if (size < kSizes[family]) return refuse(invalid_proxy_header("too short for its addresses"));
  const Bytes header = Bytes(held_).substr(0, used_);
  // What follows an unspecified family is not said to be anything.
  if (family != Family::Unspecified) {
    std::string fault = fault_of_extensions(header, kFixedBytes + kSizes[family]);
    if (!fault.empty()) return refuse(invalid_proxy_header(fault));
  }
  if (family == Family::Inet || family == Family::Inet6) {
    const bool is_v6 = family == Family::Inet6;
    const int kind = is_v6 ? AF_INET6 : AF_INET;
    const std::size_t bytes = is_v6 ? 16 : 4;
    const std::size_t ports = kFixedBytes + 2 * bytes;
    ends_ = std::make_shared<ProxiedEnds>(ProxiedEnds{
        is_v6 ? "TCP6" : "TCP4", address_at(header, kFixedBytes, kind),
        std::to_string(number_at(header, ports, 2)), address_at(header, kFixedBytes + bytes, kind),
        std::to_string(number_at(header, ports + 2, 2))});
  }
  return Result::Complete;
}

}  // namespace winghorn::proxy
