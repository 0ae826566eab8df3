// SPDX-License-Identifier: MIT
//
// proxy_header_fuzz: a PROXY header, or what is none, means the same however it is cut, and holds no more memory
// than it may.
//
// Input: one byte that says which versions are looked for and how the bytes are cut, then the bytes.
#include <cstdint>
#include <fstream>
#include <string>

#include "core/proxy/proxy_header.h"
#include "require.h"
#include "seeds.h"

namespace {

using namespace winghorn;
using proxy::HeaderReader;

constexpr std::size_t kMost = 256;

struct Outcome {
  HeaderReader::Result result = HeaderReader::Result::More;
  std::string told;
  std::string rest;  // with what came after the decision

  bool operator==(const Outcome&) const = default;
};

Outcome read(proxy::Versions versions, Bytes bytes, std::size_t portion) {
  Limits limits;
  limits.proxy_header_bytes = kMost;
  HeaderReader reader(versions, limits);
  Outcome outcome;
  while (outcome.result == HeaderReader::Result::More && !bytes.empty()) {
    const Bytes next = bytes.substr(0, portion);
    bytes.remove_prefix(next.size());
    outcome.result = reader.feed(next);
    if (outcome.result == HeaderReader::Result::More) {
      require(reader.rest().size() <= kMost + 16 + portion, "more is kept than a header may have");
    }
  }
  if (const auto ends = reader.ends()) {
    require(outcome.result == HeaderReader::Result::Complete, "ends without a header");
    outcome.told = ends->protocol + "|" + ends->client_address + "|" + ends->client_port + "|" +
                   ends->proxy_address + "|" + ends->proxy_port;
    require(outcome.told.find_first_not_of("TCP46|.:0123456789abcdefABCDEF") == std::string::npos,
            "an address that is none");
  }
  if (outcome.result == HeaderReader::Result::Refused) {
    require(reader.refusal().status == 400, "refused by another status");
    for (const char c : reader.refusal().log)
      require(c >= ' ' && c <= '~', "a control byte in the log");
    outcome.told = reader.refusal().log;
    return outcome;
  }
  outcome.rest.append(reader.rest()).append(bytes);
  return outcome;
}

}  // namespace

void write_seeds(const std::string& folder) {
  const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
  const std::string inet("\xC0\x00\x02\x01\x0A\x00\x00\x02\x12\x67\x01\xBB", 12);
  const std::string seeds[] = {
      "PROXY TCP4 192.0.2.1 10.0.0.2 4711 443\r\nGET / HTTP/1.1\r\n\r\n",
      "PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\nGET / HTTP/1.1\r\n\r\n",
      "PROXY UNKNOWN ffff\r\nGET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      signature + std::string("\x21\x11\x00\x0C", 4) + inet + "GET / HTTP/1.1\r\n\r\n",
      signature + std::string("\x21\x11\x00\x13", 4) + inet +
          std::string("\x03\x00\x04\x00\x00\x00\x00", 7),
      signature + std::string("\x20\x00\x00\x00", 4) + "GET / HTTP/1.1\r\n\r\n",
  };
  std::size_t number = 0;
  for (const std::string& seed : seeds) {
    for (const char how : {'\x07', '\x03', '\x0F'}) {
      std::ofstream file(folder + "/header_" + std::to_string(number++), std::ios::binary);
      file << how << seed;
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const proxy::Versions versions{.v1 = (data[0] & 1U) != 0, .v2 = (data[0] & 2U) != 0};
  const std::size_t portion = 1 + (data[0] >> 2U);
  const Bytes bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = read(versions, bytes, bytes.size() + 1);
  require(read(versions, bytes, 1) == whole, "single bytes mean something else");
  require(read(versions, bytes, portion) == whole, "portions mean something else");
  return 0;
}
