// SPDX-License-Identifier: MIT
//
// Every header whole, byte by byte, and cut in two at every position.
#include "core/proxy/proxy_header.h"

#include <gtest/gtest.h>

#include <array>
#include <ostream>
#include <string>
#include <vector>

namespace winghorn::proxy {
namespace {

using namespace std::string_literals;

const std::string kBehind = "GET / HTTP/1.1\r\n\r\n";
const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;
constexpr Versions kV1{.v1 = true};
constexpr Versions kV2{.v2 = true};
constexpr Versions kBoth{.v1 = true, .v2 = true};

struct Row {
  const char* name;
  Versions versions;
  std::string bytes;  // kBehind comes behind them
  std::string told;   // "absent", "nothing", the ends, or why it is refused
  std::size_t most = 4096;
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

std::string big_endian(unsigned number) {
  return {static_cast<char>(number >> 8U), static_cast<char>(number & 255U)};
}

std::string v2(unsigned command, unsigned family, const std::string& block) {
  return kSignature + static_cast<char>(command) + static_cast<char>(family) +
         big_endian(static_cast<unsigned>(block.size())) + block;
}

std::string tlv(unsigned type, const std::string& value) {
  return static_cast<char>(type) + big_endian(static_cast<unsigned>(value.size())) + value;
}

const std::string kInet = "\xC0\x00\x02\x01\x0A\x00\x00\x02"s + big_endian(4711) + big_endian(443);
const std::string kInet6 =
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02"s +
    big_endian(65535) + big_endian(0);
const std::string kInetTold = "TCP4 192.0.2.1 4711 > 10.0.0.2 443";
const std::string kLine = "PROXY TCP4 192.0.2.1 10.0.0.2 4711 443\r\n";

std::vector<Row> lines() {
  const auto bad = [](const char* name, const std::string& line) {
    return Row{name, kV1, line + "\r\n", "400 Invalid PROXY line: '" + line + "'"};
  };
  const std::string longest = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  return {
      {"Tcp4", kV1, kLine, kInetTold},
      {"Tcp6", kV1, "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.2 1 0\r\n",
       "TCP6 2001:db8::1 1 > ::ffff:10.0.0.2 0"},
      {"AnyVersionIsALine", kBoth, kLine, kInetTold},
      {"Unknown", kV1, "PROXY UNKNOWN\r\n", "nothing"},
      {"UnknownWithMore", kV1, "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", "nothing"},
      {"TheLongest", kV1, longest, "nothing"},
      {"TooLong", kV1, "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n",
       "400 Invalid PROXY line: 'PROXY UNKNOWN " + std::string(92, 'x') + "\\r'"},
      {"Endless", kV1, "PROXY TCP4 " + std::string(5000, '1'),
       "400 Invalid PROXY line: 'PROXY TCP4 " + std::string(96, '1') + "'"},
      {"BareLineFeed", kV1, "PROXY UNKNOWN\n", "400 Invalid PROXY line: 'PROXY UNKNOWN'"},
      bad("NoProtocol", "PROXY "),
      bad("LowerCaseProtocol", "PROXY tcp4 192.0.2.1 10.0.0.2 4711 443"),
      bad("Unknowns", "PROXY UNKNOWNS"),
      bad("OtherProtocol", "PROXY UDP4 192.0.2.1 10.0.0.2 4711 443"),
      bad("TooFewWords", "PROXY TCP4 192.0.2.1 10.0.0.2 4711"),
      bad("TooManyWords", "PROXY TCP4 192.0.2.1 10.0.0.2 4711 443 1"),
      bad("TwoSpaces", "PROXY TCP4  192.0.2.1 10.0.0.2 4711 443"),
      bad("SpaceAtTheEnd", "PROXY TCP4 192.0.2.1 10.0.0.2 4711 443 "),
      bad("V6InTcp4", "PROXY TCP4 2001:db8::1 10.0.0.2 4711 443"),
      bad("V4InTcp6", "PROXY TCP6 192.0.2.1 2001:db8::1 4711 443"),
      bad("BadDestination", "PROXY TCP4 192.0.2.1 10.0.0.256 4711 443"),
      bad("OctalAddress", "PROXY TCP4 192.0.2.01 10.0.0.2 4711 443"),
      bad("PortTooLarge", "PROXY TCP4 192.0.2.1 10.0.0.2 65536 443"),
      bad("PortWithSign", "PROXY TCP4 192.0.2.1 10.0.0.2 +1 443"),
      bad("PortWithZero", "PROXY TCP4 192.0.2.1 10.0.0.2 04711 443"),
      bad("NoPort", "PROXY TCP4 192.0.2.1 10.0.0.2  443"),
      {"NulInAddress", kV1, "PROXY TCP4 192.0.2.1\0 10.0.0.2 1 2\r\n"s,
       "400 Invalid PROXY line: 'PROXY TCP4 192.0.2.1\\x00 10.0.0.2 1 2'"},
      {"None", kV1, "", "absent"},
      {"AnotherMethod", kV1, "PROPFIND / HTTP/1.1\r\n\r\n", "absent"},
      {"LowerCase", kV1, "proxy TCP4 192.0.2.1 10.0.0.2 4711 443\r\n", "absent"},
      {"OnlyV2IsLookedFor", kV2, kLine, "absent"},
      {"EmptyLineFirst", kBoth, "\r\n", "absent"},
  };
}

std::vector<Row> binaries() {
  const auto bad = [](const char* name, const std::string& bytes, const std::string& why) {
    return Row{name, kV2, bytes, "400 Invalid PROXY header: " + why};
  };
  const std::string unix_block(216, 'u');
  return {
      {"Inet", kV2, v2(0x21, 0x11, kInet), kInetTold},
      {"Inet6", kV2, v2(0x21, 0x21, kInet6), "TCP6 2001:db8::1 65535 > 2001:db8::2 0"},
      {"AnyVersionIsBinary", kBoth, v2(0x21, 0x11, kInet), kInetTold},
      {"Unix", kV2, v2(0x21, 0x31, unix_block), "nothing"},
      {"Unspecified", kV2, v2(0x21, 0x00, ""), "nothing"},
      {"UnspecifiedStream", kV2, v2(0x21, 0x01, "anything"), "nothing"},
      {"LocalWithoutAddresses", kV2, v2(0x20, 0x00, ""), "nothing"},
      {"LocalWithAddresses", kV2, v2(0x20, 0x11, kInet), "nothing"},
      {"LocalWithAnything", kV2, v2(0x20, 0xFF, "anything"), "nothing"},
      {"Extensions", kV2, v2(0x21, 0x11, kInet + tlv(1, "h2") + tlv(4, "") + tlv(0xEA, "vpce")),
       kInetTold},
      {"ALongExtension", kV2, v2(0x21, 0x11, kInet + tlv(2, std::string(4081, 'a'))), kInetTold},
      {"WrongChecksum", kV2, v2(0x21, 0x11, kInet + tlv(3, "\1\2\3\4")),
       "400 Invalid PROXY header: wrong checksum"},
      {"ShortChecksum", kV2, v2(0x21, 0x11, kInet + tlv(3, "\1\2\3")),
       "400 Invalid PROXY header: wrong checksum"},
      bad("Version1", v2(0x11, 0x11, kInet), "version 1"),
      bad("Version3", v2(0x31, 0x11, kInet), "version 3"),
      bad("Command2", v2(0x22, 0x11, kInet), "command 2"),
      bad("Family4", v2(0x21, 0x41, kInet), "address family 4"),
      bad("Datagrams", v2(0x21, 0x12, kInet), "transport 2"),
      bad("InetWithoutTransport", v2(0x21, 0x10, kInet), "transport 0"),
      bad("ShortInet", v2(0x21, 0x11, kInet.substr(1)), "too short for its addresses"),
      bad("ShortInet6", v2(0x21, 0x21, kInet), "too short for its addresses"),
      bad("ShortUnix", v2(0x21, 0x31, kInet6), "too short for its addresses"),
      bad("HalfAnExtension", v2(0x21, 0x11, kInet + "\1\0"s), "an extension without its length"),
      bad("ExtensionBeyondTheEnd", v2(0x21, 0x11, kInet + "\1\0\2a"s),
          "an extension goes beyond the end"),
      bad("TooLarge", kSignature + "\x21\x11\xFF\xFF"s, "65535 bytes, more than 4096"),
      {"AsLargeAsAllowed", kV2, v2(0x21, 0x11, kInet + tlv(2, "a")), kInetTold, 16},
      {"LargerThanAllowed", kV2, v2(0x21, 0x11, kInet + tlv(2, "ab")),
       "400 Invalid PROXY header: 17 bytes, more than 16", 16},
      {"AlmostTheSignature", kV2, "\r\n\r\n\0\r\nQUIT\r"s, "absent"},
      {"OnlyV1IsLookedFor", kV1, v2(0x21, 0x11, kInet), "absent"},
  };
}

struct Outcome {
  std::string told;
  std::string rest;
};

Outcome outcome_of(HeaderReader::Result result, const HeaderReader& reader) {
  switch (result) {
    case HeaderReader::Result::More:
      return {"more", {}};
    case HeaderReader::Result::Absent:
      return {"absent", std::string(reader.rest())};
    case HeaderReader::Result::Refused:
      return {std::to_string(reader.refusal().status) + " " + reader.refusal().log, {}};
    case HeaderReader::Result::Complete:
      break;
  }
  std::string told = "nothing";
  if (const auto ends = reader.ends()) {
    told = ends->protocol + " " + ends->client_address + " " + ends->client_port + " > " +
           ends->proxy_address + " " + ends->proxy_port;
  }
  return {told, std::string(reader.rest())};
}

// `cut`: bytes in the first portion, 0 for single bytes throughout. What comes after the decision is the
// protocol's, and is put behind the rest.
Outcome read(const Row& row, const std::string& bytes, std::size_t cut) {
  Limits limits;
  limits.proxy_header_bytes = row.most;
  HeaderReader reader(row.versions, limits);
  std::size_t at = 0;
  auto result = HeaderReader::Result::More;
  while (result == HeaderReader::Result::More && at < bytes.size()) {
    const std::size_t portion = cut == 0 ? 1 : at == 0 ? cut : bytes.size() - at;
    result = reader.feed(Bytes(bytes).substr(at, portion));
    at += std::min(portion, bytes.size() - at);
  }
  Outcome outcome = outcome_of(result, reader);
  if (!outcome.rest.empty() || at < bytes.size()) outcome.rest += bytes.substr(at);
  return outcome;
}

class Header : public testing::TestWithParam<Row> {};

TEST_P(Header, IsReadAlikeHoweverItIsCut) {
  const Row& row = GetParam();
  const std::string bytes = row.bytes + kBehind;
  const bool is_refused = row.told.starts_with("400");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const Outcome outcome = read(row, bytes, cut);
    ASSERT_EQ(outcome.told, row.told) << "cut at " << cut;
    if (is_refused) continue;
    ASSERT_EQ(outcome.rest, row.told == "absent" ? bytes : kBehind) << "cut at " << cut;
  }
}

std::string name_of(const testing::TestParamInfo<Row>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Lines, Header, testing::ValuesIn(lines()), name_of);
INSTANTIATE_TEST_SUITE_P(Binary, Header, testing::ValuesIn(binaries()), name_of);

// Made by a reference implementation of CRC-32C over the whole header with zeros in the checksum's place.
TEST(HeaderChecksum, IsVerified) {
  const auto with_sum = [](const std::string& sum) {
    return v2(0x21, 0x11, kInet + tlv(1, "h2") + tlv(3, sum) + tlv(4, "pad"));
  };
  HeaderReader good(kV2, Limits{});
  EXPECT_EQ(good.feed(with_sum("\x41\x6D\x38\x41"s)), HeaderReader::Result::Complete)
      << good.refusal().log;
  HeaderReader bad(kV2, Limits{});
  EXPECT_EQ(bad.feed(with_sum("\x41\x6D\x38\x40"s)), HeaderReader::Result::Refused);
}

}  // namespace
}  // namespace winghorn::proxy
