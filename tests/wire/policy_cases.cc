// SPDX-License-Identifier: MIT
#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

const std::string kGet = "GET / HTTP/1.1\r\n";
const std::string kBehind = "GET /b HTTP/1.1\r\n\r\n";

void untrusted(Terms& terms) { terms.show_fields = true; }
void trusted(Terms& terms) { terms.show_fields = terms.trusted_peer = true; }
void refuse(Terms& terms) { terms.policy.header_map = HeaderMap::Refuse; }
void refuse_trusted(Terms& terms) {
  refuse(terms);
  trusted(terms);
}
void dangerous(Terms& terms) {
  terms.policy.header_map = HeaderMap::Dangerous;
  terms.show_fields = true;
}
void all_forwarded(Terms& terms) {
  terms.policy.forwarder_headers = {"*"};
  trusted(terms);
}
void no_keepalive(Terms& terms) { terms.keepalive = false; }

std::vector<Case> underscores() {
  const std::string both = kGet + "X-Forwarded-For: a\r\nX_Forwarded_For: b\r\n\r\n";
  const std::string length = "POST / HTTP/1.1\r\nContent_Length: 3\r\n\r\n";
  const std::string coding = "POST / HTTP/1.1\r\nTransfer_Encoding: chunked\r\n\r\n";
  const std::string script = kGet + "SCRIPT_NAME: /app\r\nA_b: c\r\n\r\n";
  const std::string plain = "http HTTP/1.1 / ? ";
  return {
      {"underscore_dropped", both, {"GET /", plain, "X-Forwarded-For: a"}, "kept", untrusted},
      {"underscore_refused",
       both,
       {"400 Invalid HTTP header name: 'X_FORWARDED_FOR'"},
       "closed",
       refuse},
      {"underscore_length_refused",
       length,
       {"400 Invalid HTTP header name: 'CONTENT_LENGTH'"},
       "closed",
       refuse},
      {"underscore_coding_refused",
       coding,
       {"400 Invalid HTTP header name: 'TRANSFER_ENCODING'"},
       "closed",
       refuse},
      {"underscore_kept_when_dangerous",
       both,
       {"GET /", plain, "X-Forwarded-For: a", "X_Forwarded_For: b"},
       "kept",
       dangerous},
      {"underscore_length_when_dangerous",
       length,
       {"POST /", plain, "Content_Length: 3"},
       "kept",
       dangerous},
      {"script_name_of_a_stranger", script, {"GET /", plain}, "kept", untrusted},
      {"script_name_of_a_proxy", script, {"GET /", plain, "SCRIPT_NAME: /app"}, "kept", trusted},
      {"others_of_a_proxy_refused",
       script,
       {"400 Invalid HTTP header name: 'A_B'"},
       "closed",
       refuse_trusted},
      {"all_of_a_proxy",
       script,
       {"GET /", plain, "SCRIPT_NAME: /app", "A_b: c"},
       "kept",
       all_forwarded},
  };
}

std::vector<Case> schemes() {
  const auto got = [](const std::string& scheme, const std::vector<std::string>& fields) {
    std::vector<std::string> events = {"GET /", scheme + " HTTP/1.1 / ? "};
    events.insert(events.end(), fields.begin(), fields.end());
    return events;
  };
  const std::string https = "x-forwarded-proto: https";
  return {
      {"https_by_a_proxy", kGet + https + "\r\n\r\n", got("https", {https}), "kept", trusted},
      {"https_by_a_stranger", kGet + https + "\r\n\r\n", got("http", {https}), "kept", untrusted},
      {"another_value_is_http", kGet + "X-Forwarded-Proto: HTTPS\r\n\r\n",
       got("http", {"X-Forwarded-Proto: HTTPS"}), "kept", trusted},
      {"two_that_agree", kGet + "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\n\r\n",
       got("https", {"X-Forwarded-Proto: https", "X-Forwarded-Ssl: on"}), "kept", trusted},
      {"two_that_contradict",
       kGet + "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n" + kBehind,
       {"400 Contradictory scheme headers"},
       "closed",
       trusted},
      {"same_name_twice_contradicting",
       kGet + "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n\r\n" + kBehind,
       {"400 Contradictory scheme headers"},
       "closed",
       trusted},
      {"contradiction_of_a_stranger",
       kGet + "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
       {"GET /"},
       "kept"},
  };
}

std::vector<Case> connections() {
  const auto options = [](const std::string& name, const std::string& version,
                          const std::string& fields, bool kept) {
    std::vector<std::string> events = {"GET /"};
    if (kept) events.emplace_back("GET /b");
    return Case{"connection_" + name, "GET / HTTP/" + version + "\r\n" + fields + "\r\n" + kBehind,
                events, kept ? "kept" : "closed"};
  };
  return {
      options("none_1_1", "1.1", "", true),
      options("none_1_0", "1.0", "", false),
      options("close", "1.1", "Connection: close\r\n", false),
      options("close_in_capitals", "1.1", "Connection: CLOSE\r\n", false),
      options("close_in_a_list", "1.1", "Connection: x, close\r\n", false),
      options("close_in_a_second_field", "1.1", "Connection: keep-alive\r\nConnection: close\r\n",
              false),
      options("close_and_keep_alive", "1.1", "Connection: close, keep-alive\r\n", false),
      options("keep_alive_1_0", "1.0", "Connection: Keep-Alive\r\n", true),
      options("keep_alive_1_1", "1.1", "Connection: keep-alive\r\n", true),
      options("names_of_fields", "1.1", "Connection: Host, Content-Length\r\nHost: x\r\n", true),
      options("upgrade_to_h2c", "1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
              true),
      options("upgrade_refused", "1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true),
      {"connect", "CONNECT a:1 HTTP/1.1\r\n\r\n" + kBehind, {"CONNECT a:1"}},
      {"keepalive_is_off", kGet + "\r\n" + kBehind, {"GET /"}, "closed", no_keepalive},
      {"named_fields_are_not_removed",
       kGet + "Connection: close, X-A\r\nX-A: b\r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "Connection: close, X-A", "X-A: b"},
       "closed",
       untrusted},
  };
}

std::vector<Case> expectations() {
  const auto post = [](const std::string& version, const std::string& expect) {
    return "POST / HTTP/" + version + "\r\nContent-Length: 1\r\nExpect: " + expect + "\r\n\r\na";
  };
  return {
      {"expect_with_its_body",
       post("1.1", "100-Continue"),
       {"POST / a"},
       "kept",
       nullptr,
       Then::Nothing,
       true},
      {"expect_in_1_0", post("1.0", "100-continue"), {"POST / a"}},
      {"expect_something_else",
       post("1.1", "x") + kBehind,
       {"417 Unable to comply with expectation: 'x'"}},
      {"expect_a_list",
       post("1.1", "100-continue, x"),
       {"417 Unable to comply with expectation: '100-continue, x'"}},
      {"expect_without_body",
       kGet + "Expect: 100-continue\r\n\r\n" + kBehind,
       {"GET /", "GET /b"},
       "kept"},
      {"refused_after_an_answer",
       kGet + "\r\n" + "GET\r\n\r\n" + kBehind,
       {"GET /", "400 Invalid HTTP request line: 'GET'"}},
  };
}

}  // namespace

std::vector<Case> policy_cases() {
  std::vector<Case> all;
  for (auto part : {underscores, schemes, connections, expectations}) {
    for (Case& each : part()) all.push_back(std::move(each));
  }
  return all;
}

}  // namespace winghorn::wire
