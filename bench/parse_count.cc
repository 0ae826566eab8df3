// parse_count.cc: reads one request head many times, for a tool that counts instructions.
//
// What is counted is what a kept-alive connection pays for a head that arrives alone and in one piece:
// copying it to where it stays, and reading it. Run it twice with different counts: the difference has
// no start-up in it (tests/process/test_budgets.py).
//
//   parse_count small|browser TIMES
//
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/http/head.h"
#include "core/http/header_policy.h"
#include "core/http/limits.h"
#include "core/http1/request_parser.h"

namespace {

// 40 bytes: the least that a client of HTTP/1.1 says.
constexpr std::string_view kSmall =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:8000\r\n"
    "\r\n";

// 1.1 KB in 18 fields: what a browser says.
constexpr std::string_view kBrowser =
    "GET /catalogue/shoes?colour=red&size=42&page=3 HTTP/1.1\r\n"
    "Host: shop.example.org\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.7,fr;q=0.5\r\n"
    "Cache-Control: max-age=0\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: sessionid=4f1c9e7a2b8d4c6e9f0a1b2c3d4e5f60; csrftoken=k7Qdk7Qdk7Qdk7Qdk7Qdk7Qdk7Qdk7Qd"
    "k7Qdk7Qdk7Qdk7Qdk7Qdk7Qdk7Qdk7Qd; theme=dark; consent=necessary%2Cstatistics; "
    "_visitor=v2.1.894734523.1763892011; _session=v2.1.1763892011.4.1.1763892544.60.0.0; "
    "cart=eyJpdGVtcyI6W3siaWQiOjQyLCJuIjoxfV19\r\n"
    "DNT: 1\r\n"
    "If-None-Match: W/\"5f3a-18c2e4d7b60\"\r\n"
    "Priority: u=0, i\r\n"
    "Referer: https://shop.example.org/catalogue/shoes?colour=red&size=42&page=2\r\n"
    "Sec-CH-UA: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\", \"Browser\";v=\"140\"\r\n"
    "Sec-CH-UA-Platform: \"Linux\"\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36\r\n"
    "\r\n";

static_assert(kSmall.size() == 40);
static_assert(kBrowser.size() > 1024 && kBrowser.size() < 1280);

// Header fields read in all, so that no compiler can leave the work out; -1 after a refusal.
long parse_many(std::string_view request, long times) {
  winghorn::Limits limits;
  limits.request_line_bytes = 4094;
  limits.header_fields = 100;
  limits.header_field_bytes = 8190;
  const winghorn::Strictness strictness;
  const winghorn::HeaderPolicy policy;
  const winghorn::http1::ParseRules rules{limits, strictness, policy};
  winghorn::RequestHead head;
  std::string bytes;
  long fields = 0;
  for (long i = 0; i < times; ++i) {
    winghorn::RequestTraits traits;
    if (!winghorn::http1::may_be_lone_head(request, rules)) return -1;
    bytes.assign(request);
    head.clear();
    if (winghorn::http1::parse_request_head(bytes, rules, false, head, traits)) return -1;
    fields += static_cast<long>(head.fields.size());
  }
  return fields;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind != "small" && kind != "browser") {
    std::fputs("usage: parse_count small|browser TIMES\n", stderr);
    return 2;
  }
  const long times = std::strtol(argv[2], nullptr, 10);
  const long fields = parse_many(kind == "small" ? kSmall : kBrowser, times);
  std::printf("%ld fields in %ld heads\n", fields, times);
  return fields == times * (kind == "small" ? 1 : 18) ? 0 : 1;
}
