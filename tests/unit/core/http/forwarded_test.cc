// SPDX-License-Identifier: MIT
#include "core/http/forwarded.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace winghorn {
namespace {

struct Row {
  const char* name;
  ForwardedBy kind;
  std::vector<Field> fields;
  std::optional<std::string> client;  // "address" or "address|port"; nothing: the peer itself
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

std::vector<Row> rows() {
  const auto x = [](const char* name, std::vector<Bytes> values,
                    std::optional<std::string> client) {
    Row row{name, ForwardedBy::X, {}, std::move(client)};
    for (const Bytes value : values) row.fields.push_back({"X-Forwarded-For", value});
    return row;
  };
  const auto rfc = [](const char* name, std::vector<Bytes> values,
                      std::optional<std::string> client) {
    Row row{name, ForwardedBy::Rfc7239, {}, std::move(client)};
    for (const Bytes value : values) row.fields.push_back({"Forwarded", value});
    return row;
  };
  return {
      {"NobodyIsAsked", ForwardedBy::Nobody, {{"X-Forwarded-For", "192.0.2.1"}}, std::nullopt},
      {"OnlyTheOtherHeader", ForwardedBy::X, {{"Forwarded", "for=192.0.2.1"}}, std::nullopt},
      {"OnlyX", ForwardedBy::Rfc7239, {{"X-Forwarded-For", "192.0.2.1"}}, std::nullopt},

      x("None", {}, std::nullopt),
      x("One", {"192.0.2.1"}, "192.0.2.1"),
      x("BehindOneProxy", {"192.0.2.1, 10.0.0.1"}, "192.0.2.1"),
      x("BehindSeveralProxies", {"192.0.2.1,10.0.0.2 ,\t10.0.0.1"}, "192.0.2.1"),
      x("WhatTheClientSaysIsNotBelieved", {"1.2.3.4, 192.0.2.1, 10.0.0.1"}, "192.0.2.1"),
      x("NorWhenItSaysNonsense", {"<script>, 192.0.2.1"}, "192.0.2.1"),
      x("AProxyBehindTheClient", {"10.0.0.9, 192.0.2.1, 10.0.0.1"}, "192.0.2.1"),
      x("AllAreProxies", {"10.0.0.3, 10.0.0.2, 10.0.0.1"}, "10.0.0.3"),
      x("TwoFields", {"192.0.2.1", "10.0.0.1"}, "192.0.2.1"),
      x("TwoFieldsTheSecondDecides", {"1.2.3.4", "192.0.2.1, 10.0.0.1"}, "192.0.2.1"),
      x("EmptyMembersArePassedOver", {", 192.0.2.1,, 10.0.0.1 ,"}, "192.0.2.1"),
      x("Empty", {""}, ""),
      x("Unknown", {"192.0.2.1, unknown"}, ""),
      x("AName", {"client.example.org"}, ""),
      x("NoAddress", {"192.0.2.256"}, ""),
      x("Octal", {"192.0.2.01"}, ""),
      x("V4WithPort", {"192.0.2.1:4711"}, "192.0.2.1|4711"),
      x("BadPort", {"192.0.2.1:65536"}, ""),
      x("NoPort", {"192.0.2.1:"}, ""),
      x("V6", {"2001:db8::1"}, "2001:db8::1"),
      x("V6InBrackets", {"[2001:db8::1]"}, "2001:db8::1"),
      x("V6WithPort", {"[2001:db8::1]:4711, 10.0.0.1"}, "2001:db8::1|4711"),
      x("V6WithZone", {"fe80::1%eth0"}, ""),
      x("OpenBracket", {"[2001:db8::1"}, ""),
      x("TextBehindBracket", {"[2001:db8::1]x"}, ""),

      rfc("ForwardedOne", {"for=192.0.2.1"}, "192.0.2.1"),
      rfc("ForwardedQuoted", {R"(for="192.0.2.1:4711")"}, "192.0.2.1|4711"),
      rfc("ForwardedV6", {R"(For="[2001:db8::1]:4711";proto=https;by=10.0.0.1)"},
          "2001:db8::1|4711"),
      rfc("ForwardedBehindProxies", {"for=192.0.2.1;proto=https, for=10.0.0.2,for=10.0.0.1"},
          "192.0.2.1"),
      rfc("ForwardedTwoFields", {"for=192.0.2.1", "for=10.0.0.1"}, "192.0.2.1"),
      rfc("ForwardedCommaInQuotes", {R"(host="a,for=1.2.3.4";for=192.0.2.1)"}, "192.0.2.1"),
      rfc("ForwardedEscapedQuote", {R"(host="a\",for=1.2.3.4";for=192.0.2.1)"}, "192.0.2.1"),
      rfc("ForwardedEmptyMembers", {", for=192.0.2.1 , ,for=10.0.0.1"}, "192.0.2.1"),
      rfc("ForwardedWithoutFor", {"for=192.0.2.1, by=10.0.0.1"}, ""),
      rfc("ForwardedUnknown", {"for=unknown"}, ""),
      rfc("ForwardedHidden", {"for=_gazonk"}, ""),
      rfc("ForwardedHiddenPort", {R"(for="192.0.2.1:_http")"}, "192.0.2.1"),
      rfc("ForwardedV6WithoutBrackets", {R"(for="2001:db8::1")"}, ""),
      rfc("ForwardedTwice", {"for=192.0.2.1;for=192.0.2.2"}, ""),
      rfc("ForwardedOpenQuote", {R"(for="192.0.2.7, for=192.0.2.1)"}, ""),
      rfc("ForwardedOpenQuoteInAnotherField", {R"(for="x)", "for=192.0.2.1"}, ""),
      rfc("ForwardedEscapedEnd", {R"(for="192.0.2.1\)"}, ""),
      rfc("ForwardedNoValue", {"for="}, ""),
      rfc("ForwardedNoName", {"=192.0.2.1"}, ""),
      rfc("ForwardedSpaceAroundEquals", {"for = 192.0.2.1"}, ""),
      rfc("ForwardedTextBehind", {"for=192.0.2.1 proto"}, ""),
      rfc("ForwardedUnquotedPort", {"for=192.0.2.1:80"}, ""),
      rfc("ForwardedOpenSemicolon", {"for=192.0.2.1;"}, ""),
      rfc("ForwardedEmpty", {""}, ""),
  };
}

class Forwarded : public testing::TestWithParam<Row> {};

TEST_P(Forwarded, NamesTheClient) {
  const Row& row = GetParam();
  const std::optional<Client> client = forwarded_client(
      row.fields, row.kind, [](Bytes address) { return address.starts_with("10."); });
  std::optional<std::string> found;
  if (client) {
    found = std::string(client->address);
    if (!client->port.empty()) found->append("|").append(client->port);
  }
  EXPECT_EQ(found, row.client);
}

std::string name_of(const testing::TestParamInfo<Row>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Lists, Forwarded, testing::ValuesIn(rows()), name_of);

}  // namespace
}  // namespace winghorn
