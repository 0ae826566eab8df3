// chunked_reader.h: takes the chunked coding off a body (RFC 9112 7.1), however it is cut.
//
// Data goes into the BodyPipe as it comes, as much as there is room for. Trailers are validated, counted
// and thrown away: nothing of them is ever merged into the head. After a fault, or once Complete, not to
// be fed again before reset().
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "core/http/body_pipe.h"
#include "core/http/limits.h"
#include "core/http/refusal.h"
#include "core/http/strictness.h"

namespace winghorn::http1 {

class ChunkedReader {
 public:
  enum class Result : std::uint8_t {
    More,      // `in` is used up, or the body has no room
    Complete,  // `in` begins behind the body
    Refused,   // `why` says so; 413 when the body is too large
    NoSpace,   // the body could not be kept
  };

  void reset();
  Result feed(Bytes& in, BodyPipe& body, const Limits& limits, const Strictness& strictness,
              Refusal& why);

 private:
  enum class State : std::uint8_t { Size, Data, DataEnd, Trailer, Done };

  struct Line {
    enum class Kind : std::uint8_t { Incomplete, Whole, BareLineFeed, TooLong } kind;
    Bytes text;  // without its end; valid until the next use of the reader
  };

  Line take_line(Bytes& in, std::size_t limit);
  Fault read_size(Bytes& in, const Limits& limits);
  Fault size_line(Bytes line, const Limits& limits);
  Fault count_overhead(std::size_t bytes, const Limits& limits);
  bool read_data(Bytes& in, BodyPipe& body);
  Fault read_data_end(Bytes& in, const Limits& limits);
  Fault read_trailer(Bytes& in, const Limits& limits, const Strictness& strictness);
  Fault trailer_line(Bytes line, const Limits& limits, const Strictness& strictness);

  State state_ = State::Size;
  bool line_taken_ = false;       // line_ has been handed out and is to be emptied
  bool carriage_return_ = false;  // DataEnd: the CR has come
  std::uint64_t left_ = 0;        // of the current chunk's data
  std::uint64_t data_ = 0;
  std::uint64_t overhead_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_fields_ = 0;
  std::string line_;     // a line that arrived in parts
  std::string trailer_;  // the last trailer's name, for the message about a folded one
};

}  // namespace winghorn::http1
