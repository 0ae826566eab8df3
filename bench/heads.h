// heads.h: the two request heads that a parser is measured on.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace winghorn::bench {

// 40 bytes: the least that a client of HTTP/1.1 says.
inline constexpr std::string_view kSmall =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:8000\r\n"
    "\r\n";

// 1.1 KB in 18 fields: what a browser says.
inline constexpr std::string_view kBrowser =
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

}  // namespace winghorn::bench
