// SPDX-License-Identifier: MIT
#include "core/http/error_page.h"

#include <algorithm>
#include <array>
#include <utility>

namespace winghorn {
namespace {

// RFC 9110 section 15, and those of the IANA registry that servers and applications use.
constexpr auto kPhrases = std::to_array<std::pair<int, Bytes>>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
});
static_assert(std::is_sorted(kPhrases.begin(), kPhrases.end()));

std::string escape_html(Bytes text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#x27;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

Bytes reason_phrase(int status) {
  const auto row =
      std::lower_bound(kPhrases.begin(), kPhrases.end(), status,
                       [](const auto& entry, int wanted) { return entry.first < wanted; });
  return row != kPhrases.end() && row->first == status ? row->second : Bytes("Unknown");
}

ErrorPage make_error_page(int status, Bytes reason, Bytes message) {
  ErrorPage page;
  page.body.append("<html>\n  <head>\n    <title>").append(reason);
  page.body.append("</title>\n  </head>\n  <body>\n    <h1><p>").append(reason);
  page.body.append("</p></h1>\n    ").append(escape_html(message));
  page.body.append("\n  </body>\n</html>\n");
  page.head.set_status(status, reason);
  page.head.add("Content-Type", "text/html");
  page.head.set_content_length(page.body.size());
  page.head.mark_error_page();
  return page;
}

}  // namespace winghorn
