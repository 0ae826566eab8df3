// SPDX-License-Identifier: MIT
#include "core/http1/chunked_reader.h"

#include <algorithm>
#include <array>

#include "core/http/grammar.h"
#include "core/http1/request_parser.h"

namespace winghorn::http1 {
namespace {

// *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 7.1.1. Takes one off the
// front; false when there is none.
class Extensions {
 public:
  explicit Extensions(Bytes text) : rest_(text) {}

  bool acceptable() {
    skip_blanks();
    while (!rest_.empty()) {
      if (!skip(';')) return false;
      skip_blanks();
      if (!skip_token()) return false;
      skip_blanks();
      if (!skip('=')) continue;
      skip_blanks();
      if (!skip_token() && !skip_quoted()) return false;
      skip_blanks();
    }
    return true;
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  bool skip(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip_token() {
    const auto end = std::find_if(rest_.begin(), rest_.end(),
                                  [](char c) { return (byte_class(c) & kTokenByte) == 0; });
    const auto size = static_cast<std::size_t>(end - rest_.begin());
    rest_.remove_prefix(size);
    return size > 0;
  }
  bool skip_quoted() {
    if (!skip('"')) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty() || is_control(rest_.front())) return false;
      rest_.remove_prefix(1);
    }
    return skip('"');
  }

  Bytes rest_;
};

// Those that would change what has been decided from the head (RFC 9110 6.5.1).
bool forbidden_trailer(Bytes name) {
  constexpr std::array<Bytes, 6> kForbidden = {"host",    "content-length", "transfer-encoding",
                                               "trailer", "authorization",  "te"};
  return std::any_of(kForbidden.begin(), kForbidden.end(),
                     [name](Bytes listed) { return equals_lower(name, listed); });
}

}  // namespace

void ChunkedReader::reset() {
  state_ = State::Size;
  line_taken_ = carriage_return_ = false;
  left_ = data_ = overhead_ = 0;
  trailer_bytes_ = trailer_fields_ = 0;
  line_.clear();
  trailer_.clear();
}

ChunkedReader::Result ChunkedReader::feed(Bytes& in, BodyPipe& body, const Limits& limits,
                                          const Strictness& strictness, Refusal& why) {
  while (!in.empty() && state_ != State::Done) {
    Fault fault;
    switch (state_) {
      case State::Size:
        fault = read_size(in, limits);
        break;
      case State::Data: {
        const std::size_t before = in.size();
        if (!read_data(in, body)) return Result::NoSpace;
        if (in.size() == before) return Result::More;  // no room
        break;
      }
      case State::DataEnd:
        fault = read_data_end(in, limits);
        break;
      case State::Trailer:
        fault = read_trailer(in, limits, strictness);
        break;
      case State::Done:
        break;
    }
    if (fault) {
      why = std::move(*fault);
      return Result::Refused;
    }
  }
  return state_ == State::Done ? Result::Complete : Result::More;
}

// A line that lies whole in `in` is not copied. Refused at the same byte however the bytes are cut.
ChunkedReader::Line ChunkedReader::take_line(Bytes& in, std::size_t limit) {
  if (std::exchange(line_taken_, false)) line_.clear();
  const std::size_t before = line_.size();
  const std::size_t feed = in.find('\n');
  if (before + std::min(feed, in.size()) >= limit + 2) return {Line::Kind::TooLong, {}};
  if (feed == Bytes::npos) {
    line_.append(in);
    in.remove_prefix(in.size());
    return {Line::Kind::Incomplete, {}};
  }
  Bytes text = in.substr(0, feed);
  if (before > 0) {
    line_.append(text);
    text = line_;
    line_taken_ = true;
  }
  in.remove_prefix(feed + 1);
  if (text.empty() || text.back() != '\r') return {Line::Kind::BareLineFeed, text};
  return {Line::Kind::Whole, text.substr(0, text.size() - 1)};
}

Fault ChunkedReader::read_size(Bytes& in, const Limits& limits) {
  const Line line = take_line(in, limits.chunk_line_bytes);
  switch (line.kind) {
    case Line::Kind::Incomplete:
      return {};
    case Line::Kind::TooLong:
      return chunk_line_too_long(limits.chunk_line_bytes);
    case Line::Kind::BareLineFeed:
      if (line.text.find(';') != Bytes::npos) return invalid_chunk_extension(false);
      return invalid_chunk_size(std::string(line.text) + '\n');
    case Line::Kind::Whole:
      break;
  }
  return size_line(line.text, limits);
}

Fault ChunkedReader::size_line(Bytes line, const Limits& limits) {
  const std::size_t mark = line.find(';');
  Bytes size = line.substr(0, mark);
  if (mark != Bytes::npos) {
    while (!size.empty() && is_blank(size.back())) size.remove_suffix(1);
  }
  if (!parse_hexadecimal(size, left_)) return invalid_chunk_size(line.substr(0, mark));
  if (left_ > limits.request_body_bytes - data_) return chunks_too_large(limits.request_body_bytes);
  if (mark != Bytes::npos) {
    const Bytes extensions = line.substr(mark);
    if (extensions.find('\r') != Bytes::npos) return invalid_chunk_extension(true);
    if (!Extensions(extensions).acceptable()) return invalid_chunk_extension(false);
  }
  state_ = left_ == 0 ? State::Trailer : State::Data;
  return count_overhead(line.size() + 2, limits);
}

Fault ChunkedReader::count_overhead(std::size_t bytes, const Limits& limits) {
  overhead_ += bytes;
  // Divided, not multiplied: the data may be of any size.
  if (overhead_ > limits.chunk_overhead_bytes &&
      (overhead_ - limits.chunk_overhead_bytes) / 10 > data_) {
    return chunk_overhead();
  }
  return {};
}

bool ChunkedReader::read_data(Bytes& in, BodyPipe& body) {
  const std::uint64_t wanted = std::min<std::uint64_t>(in.size(), left_);
  const auto count = static_cast<std::size_t>(std::min(wanted, body.room()));
  if (count == 0) return true;
  if (!body.put(in.substr(0, count))) return false;
  in.remove_prefix(count);
  left_ -= count;
  data_ += count;
  if (left_ == 0) state_ = State::DataEnd;
  return true;
}

Fault ChunkedReader::read_data_end(Bytes& in, const Limits& limits) {
  const char c = in.front();
  in.remove_prefix(1);
  if (!carriage_return_) {
    if (c != '\r') return missing_chunk_terminator({&c, 1});
    carriage_return_ = true;
    return {};
  }
  if (c != '\n') return missing_chunk_terminator(std::string{'\r', c});
  carriage_return_ = false;
  state_ = State::Size;
  return count_overhead(2, limits);
}

Fault ChunkedReader::read_trailer(Bytes& in, const Limits& limits, const Strictness& strictness) {
  const Line line = take_line(in, limits.header_field_bytes - 2);
  switch (line.kind) {
    case Line::Kind::Incomplete:
      return {};
    case Line::Kind::TooLong:
      return header_limit(kFieldTooLarge);
    case Line::Kind::BareLineFeed:
      return invalid_header(kBareLineFeed);
    case Line::Kind::Whole:
      break;
  }
  if (line.text.empty()) {
    state_ = State::Done;
    return {};
  }
  trailer_bytes_ += line.text.size() + 2;
  if (trailer_bytes_ > limits.header_fields * (limits.header_field_bytes + 2)) {
    return header_limit(kTrailersTooLarge);
  }
  return trailer_line(line.text, limits, strictness);
}

Fault ChunkedReader::trailer_line(Bytes line, const Limits& limits, const Strictness& strictness) {
  if (is_blank(line.front()) && trailer_fields_ > 0) {
    if (strictness.no_folding) return obsolete_folding(trailer_);
    if (!is_field_value(line)) return invalid_header(trailer_);
    return {};
  }
  if (++trailer_fields_ > limits.header_fields) return header_limit(kTooManyFields);
  FieldLine field;
  if (Fault fault = parse_field_line(line, strictness, field)) return fault;
  if (forbidden_trailer(field.name)) return invalid_header_name(field.name);
  trailer_ = upper_case(field.name);
  return {};
}

}  // namespace winghorn::http1
