// SPDX-License-Identifier: MIT
//
// llhttp_difference_fuzz: where one request ends and the next begins, and what each one's body is, is the same
// here and in llhttp, with both at their strict defaults; or it is a difference that stands in the table below.
//
// Input: a connection's bytes. Each side's requests that are whole are compared one by one: method, target, body.
// When one side stops before the other, the reason that it gives must be in the table: none may be by chance.
#include <llhttp.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "core/http/grammar.h"
#include "seeds.h"
#include "wire/driver.h"
#include "wire/request_cases.h"

namespace {

using namespace winghorn;
using namespace winghorn::wire;

// What is refused here and may be taken there. docs/http1.md has the same rows for its readers.
struct Stricter {
  const char* our_refusal;  // its beginning
  const char* why;
};
constexpr std::array kStricter{
    Stricter{"400 Invalid HTTP method: ", "methods in lower case, with '#', too short or too long"},
    Stricter{"400 Invalid HTTP request line: ",
             "a target's form must be its method's; one empty line before"},
    Stricter{"400 Invalid HTTP Version: ", "HTTP/d.d and nothing else"},
    Stricter{"505 Invalid HTTP Version: ", "only HTTP/1.x is spoken"},
    Stricter{"400 Invalid HTTP Header: 'HOST'", "Host twice, or no host's name"},
    Stricter{"400 Invalid HTTP Header: 'CONTENT-TYPE'", "Content-Type twice"},
    Stricter{"400 Invalid HTTP Header: 'CONTENT-LENGTH'",
             "a length beside a coding, in whatever order"},
    Stricter{"400 Invalid HTTP Header: 'TRANSFER-ENCODING'",
             "chunked in HTTP/1.0, or not last and once"},
    Stricter{"400 Invalid HTTP Header: ",
             "control bytes; lines without a colon; the same in trailers"},
    Stricter{"400 Invalid HTTP header name: ",
             "trailers that frame or route, names that are no tokens"},
    Stricter{"400 Obsolete line folding is unacceptable: ", "folded fields"},
    Stricter{"400 Invalid chunk size: ", "sizes with blanks, lines that are too long"},
    Stricter{"400 Invalid chunk extension: ", "the grammar of extensions, and their amount"},
    Stricter{"400 Invalid chunk terminator", "what is not CR LF behind a chunk"},
    Stricter{"413 ", "limits"},
    Stricter{"414 ", "limits"},
    Stricter{"431 ", "limits"},
    Stricter{"501 ", "codings that are not decoded here"},
    Stricter{"417 ", "expectations that are not met here"},
};

// What is refused there and taken here.
struct Laxer {
  llhttp_errno their_error;
  const char* why;
};
constexpr std::array kLaxer{
    Laxer{HPE_INVALID_METHOD, "any token is a method; theirs are a list"},
    Laxer{HPE_INVALID_URL, "a path may hold any visible byte; brackets are looked at"},
    Laxer{HPE_INVALID_CONSTANT, "likewise, when the first letters are those of a method of theirs"},
    Laxer{HPE_INVALID_VERSION, "HTTP/1.2 to 1.9 are read as 1.1 (RFC 9110 2.5)"},
    Laxer{HPE_INVALID_TRANSFER_ENCODING, "a tab around a coding is a blank (RFC 9110 5.6.3)"},
    Laxer{HPE_INVALID_CHUNK_SIZE, "blanks in a chunk's extension (RFC 9112 7.1.1)"},
    Laxer{HPE_STRICT, "likewise, in the last chunk's"},
    Laxer{HPE_CLOSED_CONNECTION, "bytes behind the last request are not looked at"},
    Laxer{HPE_PAUSED_UPGRADE, "an upgrade is passed over, a tunnel is not made"},
    Laxer{HPE_PAUSED_H2_UPGRADE, "likewise"},
};

struct Seen {
  std::string method;
  std::string target;
  std::string body;
  bool is_whole = true;
};

void fail(const char* what, Bytes bytes, const std::string& told) {
  std::fprintf(stderr, "difference: %s: %s\n  in: %s\n", what, told.c_str(),
               python_bytes(bytes).c_str());
  std::abort();
}

struct Ours {
  std::vector<Seen> requests;
  std::string refusal;
  bool closed = false;
};

Ours read_here(Bytes bytes) {
  Ours ours;
  Terms terms;
  terms.application = [&](Exchange& exchange, const std::string& body) {
    ours.requests.push_back(
        {std::string(exchange.head.method), std::string(exchange.head.target), body});
    ReplyHead head;
    head.set_status(200, "OK");
    exchange.reply.answer(std::move(head), "");
  };
  Driver driver(terms);
  driver.feed(bytes);
  if (driver.events.size() > ours.requests.size()) ours.refusal = driver.events.back();
  ours.closed = driver.closed;
  return ours;
}

struct Theirs {
  std::vector<Seen> requests;
  llhttp_errno error = HPE_OK;
};

Theirs& of(llhttp_t* parser) { return *static_cast<Theirs*>(parser->data); }

Theirs read_there(Bytes bytes) {
  Theirs theirs;
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_message_begin = [](llhttp_t* parser) {
    of(parser).requests.emplace_back().is_whole = false;
    return 0;
  };
  settings.on_method = [](llhttp_t* parser, const char* at, std::size_t size) {
    of(parser).requests.back().method.append(at, size);
    return 0;
  };
  settings.on_url = [](llhttp_t* parser, const char* at, std::size_t size) {
    of(parser).requests.back().target.append(at, size);
    return 0;
  };
  settings.on_body = [](llhttp_t* parser, const char* at, std::size_t size) {
    of(parser).requests.back().body.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](llhttp_t* parser) {
    of(parser).requests.back().is_whole = true;
    return 0;
  };
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &theirs;
  theirs.error = llhttp_execute(&parser, bytes.data(), bytes.size());
  if (!theirs.requests.empty() && !theirs.requests.back().is_whole) theirs.requests.pop_back();
  return theirs;
}

// What comes behind CONNECT is a tunnel's there, and here the body that its length says; nothing is read behind it
// on either side.
bool is_same_body(const Seen& one, const Seen& other) {
  return one.body == other.body || one.method == "CONNECT";
}

bool is_stricter(const std::string& refusal) {
  return std::ranges::any_of(
      kStricter, [&](const Stricter& row) { return refusal.starts_with(row.our_refusal); });
}

bool is_laxer(llhttp_errno error) {
  return std::ranges::any_of(kLaxer, [&](const Laxer& row) { return row.their_error == error; });
}

}  // namespace

void write_seeds(const std::string& folder) {
  std::size_t number = 0;
  for (auto cases : {grammar_cases, framing_cases, policy_cases, hostile_cases}) {
    for (const Case& each : cases()) {
      std::ofstream(folder + "/wire_" + std::to_string(number++), std::ios::binary) << each.bytes;
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const char*>(data), size);
  const Ours ours = read_here(bytes);
  const Theirs theirs = read_there(bytes);
  const std::size_t both = std::min(ours.requests.size(), theirs.requests.size());
  for (std::size_t i = 0; i < both; ++i) {
    const Seen& one = ours.requests[i];
    const Seen& other = theirs.requests[i];
    if (one.method != other.method || one.target != other.target || !is_same_body(one, other)) {
      fail("another request", bytes,
           one.method + " " + one.target + " | " + other.method + " " + other.target);
    }
  }
  if (theirs.requests.size() > both) {
    // Theirs went on: ours has said why not, or the connection's last request was answered.
    if (ours.refusal.empty() ? !ours.closed : !is_stricter(ours.refusal)) {
      fail("only there", bytes, ours.refusal + " | " + theirs.requests[both].target);
    }
  }
  if (ours.requests.size() > both && !is_laxer(theirs.error)) {
    fail("only here", bytes,
         std::string(llhttp_errno_name(theirs.error)) + " | " + ours.requests[both].target);
  }
  return 0;
}
