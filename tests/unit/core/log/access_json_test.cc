// SPDX-License-Identifier: MIT
#include "core/log/access_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/base/log_ring.h"

namespace winghorn::log {
namespace {

using Json = nlohmann::json;

struct Fields : FieldSource {
  Bytes request_header(Bytes name) const override {
    for (const auto& [known, value] : request) {
      if (known == name) return value;
    }
    return {};
  }
  void each_request_header(const Visit& visit) const override {
    for (const auto& [name, value] : request) visit(name, value);
  }
  void each_reply_header(const Visit& visit) const override { visit("content-type", "text/html"); }

  std::vector<std::pair<std::string, std::string>> request;
};

class AccessJson : public testing::Test {
 protected:
  AccessJson() {
    record_.peer = "192.0.2.7";
    record_.method = "GET";
    record_.target = target_ = "/a%0ab?x=1";
    record_.path = "/a%0ab";
    record_.query = "x=1";
    record_.version = "HTTP/1.1";
    record_.status = 200;
    record_.body_bytes = 1234;
    record_.took = Nanos(1'234'567'890);
    record_.pid = 71;
    record_.fields = &fields_;
  }

  static Json parsed(const std::string& line) {
    EXPECT_TRUE(line.ends_with('\n'));
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_LE(line.size(), LogRing::kLongestRecord);
    return Json::parse(line);
  }
  Json for_readers() const {
    std::string line;
    AccessFormat::compile("json").value().format(record_, line);
    return parsed(line);
  }
  Json whole() const {
    std::string line;
    AccessFormat::whole().format(record_, line);
    return parsed(line);
  }

  Fields fields_;
  std::string target_;
  AccessRecord record_;
};

TEST_F(AccessJson, TellsReadersWhoAskedWhat) {
  fields_.request = {{"referer", "http://example.com/"}, {"host", "shop"}};
  Json line = for_readers();
  EXPECT_TRUE(line.erase("time"));
  EXPECT_EQ(line, Json::parse(R"({"pid": 71, "peer": "192.0.2.7", "method": "GET",
      "target": "/a%0ab?x=1", "path": "/a\nb", "query": "x=1", "protocol": "HTTP/1.1",
      "host": "shop", "status": 200, "bytes": 1234, "seconds": 1.235,
      "referer": "http://example.com/"})"));
}

TEST_F(AccessJson, AStatusThatWasNeverKnownIsNull) {
  record_.status = 0;
  EXPECT_TRUE(for_readers()["status"].is_null());
  EXPECT_EQ(whole()["status"], 0);
}

TEST_F(AccessJson, GivesAReceiverAllFieldsAsLatin1) {
  fields_.request = {{"x-name", "J\xfcrgen"}, {"x-two", "2"}};
  const Json line = whole();
  EXPECT_EQ(line["micros"], 1'234'567);
  EXPECT_EQ(line["request_headers"], Json::parse(R"([["x-name", "J\u00fcrgen"], ["x-two", "2"]])"));
  EXPECT_EQ(line["reply_headers"], Json::parse(R"([["content-type", "text/html"]])"));
}

TEST_F(AccessJson, EveryLineFitsItsRing) {
  for (const char letter : {'a', '"', '\x01', '\xff'}) {
    target_ = std::string(8000, letter);
    record_.target = record_.path = record_.query = record_.method = target_;
    fields_.request = {{"referer", target_}, {"user-agent", target_}, {"host", target_}};
    for (int i = 0; i < 100; ++i) fields_.request.emplace_back("x-more", target_);
    EXPECT_TRUE(for_readers().contains("bytes"));
    EXPECT_TRUE(whole().contains("bytes"));
  }
}

TEST_F(AccessJson, OneLongFieldHidesNoOther) {
  fields_.request = {{"cookie", std::string(7000, 'c')}, {"user-agent", "curl"}};
  EXPECT_EQ(whole()["request_headers"], Json::parse(R"([["user-agent", "curl"]])"));
}

TEST_F(AccessJson, ReadyLinesAreMessages) {
  for (const char* format : {"%(m)s %(s)s", "json"}) {
    std::string alone;
    std::string wrapped;
    AccessFormat::compile(format).value().format(record_, alone);
    AccessFormat::wrapped(format).value().format(record_, wrapped);
    const std::string message = parsed(wrapped)["message"];
    EXPECT_EQ(message.substr(0, 4), alone.substr(0, 4));
    EXPECT_EQ(message.size() + 1, alone.size());
  }
}

TEST_F(AccessJson, OrdinaryHeadersStayWhole) {
  target_ = "/" + std::string(2000, 'a');
  record_.target = record_.path = target_;
  fields_.request = {{"cookie", std::string(2000, 'c')}, {"user-agent", std::string(300, 'u')}};
  const Json line = whole();
  EXPECT_EQ(line["target"], target_);
  EXPECT_EQ(line["request_headers"].size(), 2U);
}

}  // namespace
}  // namespace winghorn::log
