// SPDX-License-Identifier: MIT
//
// uwsgi packets (core/uwsgi/packet.h), one after the other on one connection.
#include "support/uwsgi_packet.h"
#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

void packets(Terms& terms) { terms.uwsgi = true; }

std::string get(const std::string& uri, const Variables& more = {}) {
  Variables all{{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", uri}, {"PATH_INFO", uri}};
  all.insert(all.end(), more.begin(), more.end());
  return uwsgi_packet(all);
}

std::string post(const std::string& uri, const std::string& body, const Variables& more = {}) {
  Variables all{{"REQUEST_METHOD", "POST"},
                {"REQUEST_URI", uri},
                {"CONTENT_LENGTH", std::to_string(body.size())}};
  all.insert(all.end(), more.begin(), more.end());
  return uwsgi_packet(all) + body;
}

}  // namespace

std::vector<Case> uwsgi_cases() {
  return {
      {"a packet", get("/a"), {"GET /a"}, "kept", packets},
      {"a packet without a URI",
       uwsgi_packet({{"REQUEST_METHOD", "GET"}, {"PATH_INFO", "/\xff"}}),
       {"GET /%FF"},
       "kept",
       packets},
      {"packets one after the other",
       get("/a") + post("/b", "hello") + post("/c", "") + get("/d"),
       {"GET /a", "POST /b hello", "POST /c", "GET /d"},
       "kept",
       packets},
      {"the client wants to close",
       get("/a", {{"HTTP_CONNECTION", "close"}}) + get("/b"),
       {"GET /a"},
       "closed",
       packets},
      {"a client's HTTP/1.0",
       get("/a", {{"SERVER_PROTOCOL", "HTTP/1.0"}}) + get("/b"),
       {"GET /a", "GET /b"},
       "kept",
       packets},
      {"an expectation",
       post("/a", "x", {{"HTTP_EXPECT", "100-continue"}}),
       {"POST /a x"},
       "kept",
       packets},
      {"chunks that are no more",
       post("/a", "x", {{"HTTP_TRANSFER_ENCODING", "chunked"}}),
       {"POST /a x"},
       "kept",
       packets},
      {"all is told",
       get("/a", {{"HTTP_X_A", "1"}, {"HTTPS", "on"}, {"SERVER_NAME", "n"}}),
       {"GET /a", "https HTTP/1.1 /a ? ", "X-A: 1", "HTTPS=on", "REQUEST_URI=/a", "SERVER_NAME=n"},
       "kept",
       [](Terms& terms) { terms.uwsgi = terms.show_fields = true; }},
      // A body that the gateway has not announced must not become a request.
      {"smuggled in a body",
       get("/a", {{"HTTP_CONTENT_LENGTH", "99"}}) + get("/smuggled"),
       {"GET /a"},
       "closed",
       packets},
      {"smuggled behind a coding",
       get("/a", {{"HTTP_TRANSFER_ENCODING", "chunked"}}) + get("/b"),
       {"501 Unsupported transfer coding: 'chunked'"},
       "closed",
       packets},
      {"two lengths",
       post("/a", "hello", {{"HTTP_CONTENT_LENGTH", "1"}}) + get("/b"),
       {"400 Invalid HTTP Header: 'CONTENT-LENGTH'"},
       "closed",
       packets},
      {"too large a body",
       post("/a", "hello") + get("/b"),
       {"413 Request body is too large (5 > 4)"},
       "closed",
       [](Terms& terms) {
         terms.uwsgi = true;
         terms.limits.request_body_bytes = 4;
       }},
      {"HTTP",
       "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       {"501 Unsupported uWSGI modifier1: 71"},
       "closed",
       packets},
      {"TLS", "\x16\x03\x01", {"501 Unsupported uWSGI modifier1: 22"}, "closed", packets},
      {"an empty packet",
       uwsgi_packet({}),
       {"400 Invalid uWSGI header: no REQUEST_METHOD"},
       "closed",
       packets},
      {"nothing", "", {}, "closed", packets, Then::EndOfInput},
      {"the end in a packet", get("/a").substr(0, 9), {}, "closed", packets, Then::EndOfInput},
      {"the end in a body",
       post("/a", "hello").substr(0, post("/a", "hello").size() - 2),
       {"400 Request body ended after 3 of 5 bytes"},
       "closed",
       packets,
       Then::EndOfInput},
      {"too slow a packet",
       get("/a").substr(0, 2),
       {"408 Request head not received in time"},
       "closed",
       packets,
       Then::HeadClock},
      {"an idle connection", get("/a"), {"GET /a"}, "closed", packets, Then::IdleClock},
  };
}

}  // namespace winghorn::wire
