// SPDX-License-Identifier: MIT
//
// What becomes of a packet's variables, as a table; and that a packet that was read reads the same again.
#include "core/uwsgi/packet.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "support/limits.h"
#include "support/uwsgi_packet.h"

namespace winghorn::uwsgi {
namespace {

using Lines = std::vector<std::string>;

struct Told {
  std::string name;
  Variables variables;
  Lines head;  // as shown by lines_of(), or "status why"
  bool trusted = false;
  void (*change)(Limits&, Strictness&) = nullptr;
};
std::ostream& operator<<(std::ostream& out, const Told& told) { return out << told.name; }

Variables with(Variables more) {
  more.insert(more.begin(),
              {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a"}, {"PATH_INFO", "/a"}});
  return more;
}

Lines lines_of(const RequestHead& head, const RequestTraits& traits) {
  std::string line;
  line.append(head.method).append(1, ' ').append(head.target).append(1, ' ').append(head.version);
  line.append(1, ' ').append(head.scheme).append(1, ' ').append(head.path);
  if (!head.query.empty()) line.append(" ?").append(head.query);
  if (head.content_length) line.append(" +").append(std::to_string(*head.content_length));
  if (!head.request_start.empty()) line.append(" since ").append(head.request_start);
  if (head.client) line.append(" from ").append(head.client->address).append(1, ':');
  if (head.client) line.append(head.client->port);
  if (traits.asks_close) line.append(" close");
  Lines lines{line};
  for (const Field& field : head.fields) {
    lines.push_back(std::string(field.name).append(": ").append(field.value));
  }
  for (const Field& variable : head.variables) {
    lines.push_back(std::string(variable.name).append("=").append(variable.value));
  }
  return lines;
}

struct Read {
  Lines lines;
  std::string bytes;
  bool good = false;
};

Read read(const Told& told, std::string bytes) {
  Limits limits = wide_limits();
  Strictness strictness;
  if (told.change != nullptr) told.change(limits, strictness);
  const PacketFormat format(limits, strictness);
  ConnectionInfo peer;
  peer.trusted_forwarder = told.trusted;
  RequestHead head;
  RequestTraits traits;
  if (const Fault fault = format.read(bytes, peer, head, traits)) {
    EXPECT_TRUE(head.variables.empty());
    EXPECT_FALSE(head.client);
    return {{std::to_string(fault->status) + " " + fault->log}, bytes, false};
  }
  EXPECT_FALSE(head.expects_continue);
  EXPECT_FALSE(traits.at_least_1_1);
  EXPECT_TRUE(head.path_is_decoded);
  return {lines_of(head, traits), bytes, true};
}

class Packet : public testing::TestWithParam<Told> {};

TEST_P(Packet, IsRead) {
  const Told& told = GetParam();
  const Read first = read(told, uwsgi_packet(told.variables));
  EXPECT_EQ(first.lines, told.head);
  if (first.good) {
    const Read second = read(told, first.bytes);
    EXPECT_EQ(second.lines, told.head);
    EXPECT_EQ(second.bytes, first.bytes);
  }
}

Told refused(const std::string& name, const Variables& more, const std::string& why) {
  return {name, with(more), {why}};
}

constexpr const char* kNginxVersion = "HTTP/2.0";

std::vector<Told> heads() {
  return {
      {"what nginx sends",
       {{"QUERY_STRING", "x=1"},
        {"REQUEST_METHOD", "GET"},
        {"CONTENT_TYPE", ""},
        {"CONTENT_LENGTH", ""},
        {"REQUEST_URI", "/a%2520b?x=1"},
        {"PATH_INFO", "/a%20b"},
        {"SERVER_PROTOCOL", kNginxVersion},
        {"REQUEST_SCHEME", "http"},
        {"REMOTE_ADDR", "192.0.2.7"},
        {"REMOTE_PORT", "4000"},
        {"HTTP_USER_AGENT", "curl/7"},
        {"HTTP_ACCEPT", "*/*"}},
       {"GET /a%2520b?x=1 HTTP/2.0 http /a%20b ?x=1 from 192.0.2.7:4000", "USER-AGENT: curl/7",
        "ACCEPT: */*", "REMOTE_ADDR=192.0.2.7", "REMOTE_PORT=4000", "REQUEST_SCHEME=http",
        "REQUEST_URI=/a%2520b?x=1", "SERVER_PROTOCOL=HTTP/2.0"}},
      {"a body",
       {{"REQUEST_METHOD", "POST"},
        {"REQUEST_URI", "/"},
        {"CONTENT_TYPE", "text/plain"},
        {"CONTENT_LENGTH", "5"},
        {"HTTP_CONTENT_LENGTH", "5"},
        {"HTTP_CONTENT_TYPE", "text/plain"},
        {"HTTP_EXPECT", "100-continue"}},
       {"POST / HTTP/1.1 http / +5", "EXPECT: 100-continue", "CONTENT-TYPE: text/plain",
        "CONTENT-LENGTH: 5", "HTTP_CONTENT_LENGTH=5", "HTTP_CONTENT_TYPE=text/plain",
        "REQUEST_URI=/"}},
      {"a body that the gateway has taken out of its chunks",
       {{"REQUEST_METHOD", "POST"},
        {"REQUEST_URI", "/"},
        {"CONTENT_LENGTH", "5"},
        {"HTTP_TRANSFER_ENCODING", "chunked"}},
       {"POST / HTTP/1.1 http / +5", "CONTENT-LENGTH: 5", "REQUEST_URI=/"}},
      {"no REQUEST_URI",
       {{"REQUEST_METHOD", "GET"}, {"PATH_INFO", "/\xc3\xa9 %\n?"}, {"QUERY_STRING", "q"}},
       {"GET /%C3%A9%20%25%0A%3F?q HTTP/1.1 http /\xc3\xa9 %\n? ?q"}},
      {"neither URI nor path", {{"REQUEST_METHOD", "GET"}}, {"GET / HTTP/1.1 http /"}},
      {"an empty path", {{"REQUEST_METHOD", "GET"}, {"PATH_INFO", ""}}, {"GET / HTTP/1.1 http "}},
      {"HTTPS",
       with({{"HTTPS", "On"}, {"REQUEST_SCHEME", "http"}}),
       {"GET /a HTTP/1.1 https /a", "HTTPS=On", "REQUEST_SCHEME=http", "REQUEST_URI=/a"}},
      {"a scheme",
       with({{"REQUEST_SCHEME", "https"}}),
       {"GET /a HTTP/1.1 https /a", "REQUEST_SCHEME=https", "REQUEST_URI=/a"}},
      {"PEP 3333's scheme",
       with({{"wsgi.url_scheme", "https"}, {"HTTPS", "off"}}),
       {"GET /a HTTP/1.1 https /a", "HTTPS=off", "REQUEST_URI=/a"}},
      {"a client's word on the scheme",
       with({{"HTTP_X_FORWARDED_PROTO", "https"}}),
       {"GET /a HTTP/1.1 http /a", "X-FORWARDED-PROTO: https", "REQUEST_URI=/a"},
       true},
      {"keys of the server",
       with({{"wsgi.input", "x"}, {"winghorn.deadline", ""}, {"a.b", ""}}),
       {"GET /a HTTP/1.1 http /a", "REQUEST_URI=/a"}},
      {"uWSGI's own variables",
       with({{"UWSGI_FILE", "/etc/passwd"}, {"DOCUMENT_ROOT", "/../.."}}),
       {"GET /a HTTP/1.1 http /a", "DOCUMENT_ROOT=/../..", "REQUEST_URI=/a",
        "UWSGI_FILE=/etc/passwd"}},
      {"more lines of one field",
       with({{"HTTP_X_A", "1"}, {"HTTP_X_A", " 2\t"}}),
       {"GET /a HTTP/1.1 http /a", "X-A: 1", "X-A: 2", "REQUEST_URI=/a"}},
      {"a certificate",
       with({{"SSL_CLIENT_CERT", "-----\n\tMII\r\n"}}),
       {"GET /a HTTP/1.1 http /a", "REQUEST_URI=/a", "SSL_CLIENT_CERT=-----\n\tMII\r\n"}},
      {"Connection: close",
       with({{"HTTP_CONNECTION", "x, Close"}}),
       {"GET /a HTTP/1.1 http /a close", "CONNECTION: x, Close", "REQUEST_URI=/a"}},
      {"a body of which only the client spoke",
       with({{"HTTP_CONTENT_LENGTH", "5"}}),
       {"GET /a HTTP/1.1 http /a close", "HTTP_CONTENT_LENGTH=5", "REQUEST_URI=/a"}},
      {"a start",
       with({{"HTTP_X_REQUEST_START", "t=1"}}),
       {"GET /a HTTP/1.1 http /a since t=1", "X-REQUEST-START: t=1", "REQUEST_URI=/a"},
       true},
      {"a start that nobody believes",
       with({{"HTTP_X_REQUEST_START", "t=1"}}),
       {"GET /a HTTP/1.1 http /a", "X-REQUEST-START: t=1", "REQUEST_URI=/a"}},
      {"switched off",
       with({{"HTTP_TRANSFER_ENCODING", ""}, {"HTTP_EXPECT", ""}, {"HTTP_HOST", ""}}),
       {"GET /a HTTP/1.1 http /a", "EXPECT: ", "HOST: ", "REQUEST_URI=/a"}},
      {"a method in lower case",
       {{"REQUEST_METHOD", "gEt"}, {"REQUEST_URI", "/"}},
       {"GET / HTTP/1.1 http /", "REQUEST_URI=/"},
       false,
       [](Limits&, Strictness& strictness) {
         strictness.conventional_method = strictness.case_sensitive_method = false;
       }},
  };
}

std::vector<Told> faults() {
  const std::string nul("\0", 1);
  return {
      {"nothing", {}, {"400 Invalid uWSGI header: no REQUEST_METHOD"}},
      {"an empty method",
       {{"REQUEST_METHOD", ""}},
       {"400 Invalid uWSGI header: no REQUEST_METHOD"}},
      {"a method", {{"REQUEST_METHOD", "get"}}, {"400 Invalid HTTP method: 'get'"}},
      {"a method with a blank", {{"REQUEST_METHOD", "GET "}}, {"400 Invalid HTTP method: 'GET '"}},
      {"a URI",
       {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a b"}},
       {"400 Invalid HTTP request line: '/a b'"}},
      {"a query",
       {{"REQUEST_METHOD", "GET"}, {"QUERY_STRING", "\r"}},
       {"400 Invalid HTTP request line: ''"}},
      refused("repeated", {{"SERVER_NAME", "a"}, {"X", ""}, {"SERVER_NAME", "a"}},
              "400 Invalid uWSGI header: repeated SERVER_NAME"),
      refused("repeated method", {{"REQUEST_METHOD", "GET"}},
              "400 Invalid uWSGI header: repeated REQUEST_METHOD"),
      refused("repeated, empty", {{"CONTENT_LENGTH", ""}, {"CONTENT_LENGTH", ""}},
              "400 Invalid uWSGI header: repeated CONTENT_LENGTH"),
      refused("repeated Host", {{"HTTP_HOST", "a"}, {"HTTP_HOST", "a"}},
              "400 Invalid HTTP Header: 'HOST'"),
      refused("a bad Host", {{"HTTP_HOST", "a/b"}}, "400 Invalid HTTP Header: 'HOST'"),
      refused("no field's name", {{"HTTP_", ""}}, "400 Invalid HTTP header name: ''"),
      refused("a bad field's name", {{"HTTP_A B", ""}}, "400 Invalid HTTP header name: 'A B'"),
      refused("CR LF in a field", {{"HTTP_A", "1\r\nB: 2"}}, "400 Invalid HTTP Header: 'A'"),
      refused("NUL in a field", {{"HTTP_A", nul}}, "400 Invalid HTTP Header: 'A'"),
      refused("LF in the type", {{"CONTENT_TYPE", "a\nb"}},
              "400 Invalid HTTP Header: 'CONTENT-TYPE'"),
      refused("NUL in a value", {{"A", nul}}, "400 Invalid uWSGI header: NUL in A"),
      refused("NUL in a name", {{"A" + nul, ""}},
              "400 Invalid uWSGI header: bad name of a variable"),
      refused("'=' in a name", {{"A=B", ""}}, "400 Invalid uWSGI header: bad name of a variable"),
      refused("no name", {{"", ""}}, "400 Invalid uWSGI header: bad name of a variable"),
      refused("a version", {{"SERVER_PROTOCOL", "HTTP/1.1\r\n"}},
              "400 Invalid uWSGI header: bad SERVER_PROTOCOL"),
      refused("a port", {{"REMOTE_ADDR", "a"}, {"REMOTE_PORT", "1\n2"}},
              "400 Invalid uWSGI header: bad REMOTE_PORT"),
      refused("an address", {{"REMOTE_ADDR", "1\n2"}}, "400 Invalid uWSGI header: bad REMOTE_ADDR"),
      refused("a negative length", {{"CONTENT_LENGTH", "-1"}},
              "400 Invalid HTTP Header: 'CONTENT-LENGTH'"),
      refused("a length beyond 64 bits", {{"CONTENT_LENGTH", "18446744073709551616"}},
              "400 Invalid HTTP Header: 'CONTENT-LENGTH'"),
      refused("two lengths", {{"CONTENT_LENGTH", "5"}, {"HTTP_CONTENT_LENGTH", "6"}},
              "400 Invalid HTTP Header: 'CONTENT-LENGTH'"),
      refused("a client's bad length", {{"HTTP_CONTENT_LENGTH", "+5"}},
              "400 Invalid HTTP Header: 'CONTENT-LENGTH'"),
      refused("chunks", {{"HTTP_TRANSFER_ENCODING", "chunked"}},
              "501 Unsupported transfer coding: 'chunked'"),
      refused("an expectation", {{"HTTP_EXPECT", "tea"}},
              "417 Unable to comply with expectation: 'tea'"),
      {"too many variables",
       with({{"A", ""}}),
       {"431 Invalid uWSGI header: too many variables"},
       false,
       [](Limits& limits, Strictness&) { limits.gateway_variables = 3; }},
      {"too many fields",
       with({{"HTTP_A", ""}, {"HTTP_B", ""}}),
       {"431 limit request headers fields"},
       false,
       [](Limits& limits, Strictness&) { limits.header_fields = 1; }},
      {"too large a field",
       with({{"HTTP_A", "123"}}),
       {"431 limit request headers fields size"},
       false,
       [](Limits& limits, Strictness&) { limits.header_field_bytes = 7; }},
      {"too long a line",
       {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/"}},
       {"414 Request Line is too large (14 > 13)"},
       false,
       [](Limits& limits, Strictness&) { limits.request_line_bytes = 13; }},
  };
}

std::string name_of(const testing::TestParamInfo<Told>& info) {
  std::string name;
  for (const char c : info.param.name) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name + "_" + std::to_string(info.index);
}
INSTANTIATE_TEST_SUITE_P(Heads, Packet, testing::ValuesIn(heads()), name_of);
INSTANTIATE_TEST_SUITE_P(Faults, Packet, testing::ValuesIn(faults()), name_of);

// ---- its frame ----

class Frame : public testing::Test {
 protected:
  std::string refusal_of(const std::string& bytes) { return read({}, bytes).lines.front(); }
  HeadFormat::Extent extent(const std::string& bytes) {
    return PacketFormat(limits_, strictness_).extent(bytes, {});
  }
  Limits limits_ = wide_limits();
  Strictness strictness_;
};

TEST_F(Frame, TellsItsLengthInFourBytes) {
  const std::string packet = uwsgi_packet({{"REQUEST_METHOD", std::string(300, 'A')}});
  for (std::size_t size = 1; size < 4; ++size) EXPECT_EQ(extent(packet.substr(0, size)).bytes, 0U);
  EXPECT_EQ(extent(packet.substr(0, 4)).bytes, packet.size());
  EXPECT_EQ(extent(std::string("\0\xff\xff\x07", 4)).bytes, 65539U);
}

TEST_F(Frame, OfAnotherProtocolIsRefusedAtItsFirstByte) {
  const HeadFormat::Extent extent_of_http = extent("G");
  ASSERT_TRUE(extent_of_http.fault);
  EXPECT_EQ(extent_of_http.fault->status, 501);
  EXPECT_EQ(extent_of_http.fault->log, "Unsupported uWSGI modifier1: 71");
}

TEST_F(Frame, MustFitWhatIsInIt) {
  const std::string whole = uwsgi_text("REQUEST_METHOD") + uwsgi_text("GET");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::string refusal = refusal_of(uwsgi_packet_of(whole.substr(0, size)));
    EXPECT_EQ(refusal.substr(0, 36), "400 Invalid uWSGI header: truncated ") << size;
  }
  const std::string beyond = uwsgi_text("REQUEST_METHOD") + "\xff\xff" + "GET";
  EXPECT_EQ(refusal_of(uwsgi_packet_of(beyond)), "400 Invalid uWSGI header: truncated value");
}

TEST_F(Frame, MustBeWhole) {
  const std::string packet = uwsgi_packet({{"REQUEST_METHOD", "GET"}});
  for (std::size_t size = 0; size < packet.size(); ++size) {
    EXPECT_EQ(refusal_of(packet.substr(0, size)),
              "400 Invalid uWSGI header: incomplete vars block");
  }
}

TEST_F(Frame, OfAForbiddenPeerIsNotLookedAt) {
  ConnectionInfo peer;
  peer.peer_address = "127.0.0.2";
  const HeadFormat::Extent extent = ForbiddenFormat().extent("?", peer);
  ASSERT_TRUE(extent.fault);
  EXPECT_EQ(extent.fault->status, 403);
  EXPECT_EQ(extent.fault->log, "uWSGI request from '127.0.0.2' not allowed");
}

}  // namespace
}  // namespace winghorn::uwsgi
