// request_parser.h: the head of a request (RFC 9112 sections 2 to 7), strictly.
//
// HeadScanner finds where a head ends, however it is cut, looking at each byte once; it refuses what can
// be refused before the end is there: bare LF and everything too large. parse_request_head() reads a
// whole head at once. Which fault is reported does not depend on how the bytes were cut, except for
// the number in the message of a request line that is too large.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/http/head.h"
#include "core/http/header_policy.h"
#include "core/http/limits.h"
#include "core/http/refusal.h"
#include "core/http/request_traits.h"
#include "core/http/strictness.h"

namespace winghorn::http1 {

struct ParseRules {
  const Limits& limits;
  const Strictness& strictness;
  const HeaderPolicy& policy;
};

class HeadScanner {
 public:
  enum class Result : std::uint8_t { More, Complete, Refused };

  // `buffer` begins with the head's first byte and holds at least what it held at the last call.
  Result scan(Bytes buffer, const Limits& limits);
  void reset() { *this = HeadScanner(); }
  bool begun() const { return seen_ > 0; }

  std::size_t end() const {
    return line_;
  }  // Complete: the head's bytes, its last empty line included
  bool has_request_line() const { return block_ > 0; }
  Bytes request_line(Bytes buffer) const { return buffer.substr(0, block_ - 2); }
  // True once for each head: whether the request line is fit to go on should be looked at once.
  bool first_look() { return has_request_line() && !std::exchange(looked_, true); }
  // Refused: why.
  Refusal refusal(Bytes buffer, const Limits& limits) const;

 private:
  enum class Trouble : std::uint8_t { None, BareLineFeed, LineTooLarge, BlockTooLarge };

  void set_horizon(const Limits& limits);
  Result end_line(Bytes buffer, std::size_t place, const Limits& limits);
  Result refuse(Trouble trouble) {
    trouble_ = trouble;
    return Result::Refused;
  }

  std::size_t seen_ = 0;     // bytes looked at
  std::size_t line_ = 0;     // where the current line begins
  std::size_t block_ = 0;    // where the header block begins; 0: still in the request line
  std::size_t horizon_ = 0;  // a line feed at or behind it comes too late
  Trouble trouble_ = Trouble::None;
  Trouble beyond_ = Trouble::None;  // what it means to reach the horizon
  bool looked_ = false;
};

// A request line without its CR LF; kReadBeyond bytes behind it are readable. The views in `head` point into
// `line`, where the method is changed if Strictness::case_sensitive_method says so.
Fault parse_request_line(char* line, std::size_t size, const Strictness& strictness,
                         RequestHead& head, RequestTraits& traits);

// Copies what has arrived to where it is to be read and to stay.
void keep_head(Bytes arrived, std::string& bytes);

// A head as HeadScanner delimits it, in `bytes` as keep_head() leaves them. They are changed where Strictness
// lets a fold or a method be, and must live as long as `head`, which is expected to be clear. On a fault head
// and traits hold what was read until then, or nothing when the request line is at fault.
//
// Nearly every head arrives alone and in one piece, so its end need not be looked for first: `bytes` may
// also be all that arrived when may_be_lone_head() says so, and is cut behind the head. A fault then only
// means that HeadScanner is to look for the one that counts.
bool may_be_lone_head(Bytes arrived, const ParseRules& rules);
Fault parse_request_head(std::string& bytes, const ParseRules& rules, bool trusted_peer,
                         RequestHead& head, RequestTraits& traits);

// For trailers (RFC 9110 6.5.1): one line without its CR LF, in the grammar of a header field.
struct FieldLine {
  Bytes name;
  Bytes value;
};
Fault parse_field_line(Bytes line, const Strictness& strictness, FieldLine& field);

// 1*HEXDIG without overflow (RFC 9112 7.1). False if not.
bool parse_hexadecimal(Bytes text, std::uint64_t& number);

}  // namespace winghorn::http1
