// SPDX-License-Identifier: MIT
#include "core/log/access_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "core/base/ascii.h"
#include "core/log/access_atoms.h"
#include "core/log/access_format_compiler.h"
#include "core/log/access_json.h"
#include "core/log/escape.h"

namespace winghorn::log {
namespace {

using Piece = AccessFormat::Piece;

// A text atom without its escaping; null data: there is none.
Bytes raw_text(const Piece& piece, const AccessRecord& record, std::string& scratch) {
  const FieldSource* fields = record.fields;
  switch (piece.atom) {
    case 'h':
      return record.peer.data() == nullptr ? Bytes("") : record.peer;
    case 'm':
      return record.method;
    case 'q':
      return record.query.data() == nullptr ? Bytes("") : record.query;
    case 'H':
      return record.version;
    case 'U':
      return percent_decoded(record.path, scratch);
    case 'r':
      scratch.assign(record.method).append(1, ' ').append(record.target).append(1, ' ');
      return scratch.append(record.version);
    case 'f':
      return fields ? fields->request_header("referer") : Bytes();
    case 'a':
      return fields ? fields->request_header("user-agent") : Bytes();
    case 'u':
      return fields ? basic_auth_user(fields->request_header("authorization"), scratch) : Bytes();
    case kRequestHeader:
      return fields ? fields->request_header(piece.name) : Bytes();
    case kReplyHeader:
      return fields ? fields->reply_header(piece.name) : Bytes();
    case kEnvironValue:
      return fields ? fields->environ_value(piece.name) : Bytes();
    default:
      return {};
  }
}

std::int64_t number(char atom, const AccessRecord& record) {
  constexpr std::int64_t kDay = 24 * 3600;  // gunicorn reads timedelta.seconds: days are not in it
  const std::int64_t micros = record.took.count() / 1000 % (kDay * 1'000'000);
  switch (atom) {
    case 's':
      return record.status;
    case 'T':
      return micros / 1'000'000;
    case 'M':
      return micros / 1000;
    case 'D':
      return micros;
    default:
      return static_cast<std::int64_t>(record.body_bytes);
  }
}

void append_number(std::string& out, std::int64_t value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

void append_seconds(std::string& out, std::int64_t micros) {
  fmt::format_to(std::back_inserter(out), "{}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

// The clock's text changes once a second; making it costs more than all the rest of a line.
Bytes clock_text() {
  thread_local std::time_t made_for = -1;
  thread_local char text[40];
  thread_local std::size_t size = 0;
  timespec moment{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &moment);
  if (moment.tv_sec != made_for) {
    std::tm local{};
    ::localtime_r(&moment.tv_sec, &local);
    // strftime's %b follows the process's locale, which an application may set.
    constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char offset[8];
    std::strftime(offset, sizeof offset, "%z", &local);
    const auto end = fmt::format_to_n(
        text, sizeof text, "[{:02}/{}/{:04}:{:02}:{:02}:{:02} {}]", local.tm_mday,
        kMonths[static_cast<std::size_t>(local.tm_mon)], local.tm_year + 1900, local.tm_hour,
        local.tm_min, local.tm_sec, static_cast<const char*>(offset));
    size = end.size;
    made_for = moment.tv_sec;
  }
  return {text, size};
}

// Texts of our own: nothing in them needs escaping. False: it is none of them.
bool append_own_text(std::string& out, char atom, const AccessRecord& record) {
  switch (atom) {
    case 't':
      out += clock_text();
      return true;
    case 'p':
      out += '<';
      append_number(out, record.pid == 0 ? ::getpid() : record.pid);
      out += '>';
      return true;
    case 'L':
      append_seconds(out, number('D', record));
      return true;
    case 'Q':
      if (record.queued) {
        append_seconds(out, record.queued->count() / 1000);
      } else {
        out += '-';
      }
      return true;
    case 'l':
    case kUnknown:
      out += '-';
      return true;
    default:
      return false;
  }
}

void append_plain(const Piece& piece, const AccessRecord& record, std::string& out) {
  if (is_number(piece.atom)) {
    const std::int64_t value = number(piece.atom, record);
    if (piece.atom == 's' && value == 0) {
      out += '-';
    } else {
      append_number(out, value);
    }
  } else if (piece.atom == 'r') {
    append_escaped(out, record.method);
    out += ' ';
    append_escaped(out, record.target);
    out += ' ';
    append_escaped(out, record.version);
  } else if (!append_own_text(out, piece.atom, record)) {
    std::string scratch;
    const Bytes raw = raw_text(piece, record, scratch);
    append_escaped(out, raw.data() == nullptr ? Bytes("-") : raw);
  }
}

void pad(const Piece& piece, std::string& text) {
  const auto width = static_cast<std::size_t>(piece.width);
  if (text.size() >= width) return;
  text.insert(piece.left ? text.size() : 0, width - text.size(), ' ');
}

// %s and %r. A precision cuts the value and not its escapes, so that it cannot leave half of one.
std::string shown_as_text(const Piece& piece, const AccessRecord& record) {
  std::string text;
  if (is_number(piece.atom) || append_own_text(text, piece.atom, record)) {
    if (is_number(piece.atom)) append_plain(piece, record, text);
    if (piece.precision >= 0) text.resize(std::min<std::size_t>(text.size(), piece.precision));
    return text;
  }
  std::string scratch;
  Bytes raw = raw_text(piece, record, scratch);
  if (raw.data() == nullptr) raw = "-";
  if (piece.precision >= 0) raw = raw.substr(0, static_cast<std::size_t>(piece.precision));
  const bool quoted = piece.conversion == 'r';
  if (quoted) text += '\'';
  append_escaped(text, raw);
  if (quoted) text += '\'';
  return text;
}

// %d, %x, %f …: printf's rules for these are Python's.
std::string shown_as_number(const Piece& piece, const AccessRecord& record) {
  std::string recipe = "%";
  for (const auto& [wanted, letter] : {std::pair{piece.left, '-'},
                                       {piece.zero, '0'},
                                       {piece.plus, '+'},
                                       {piece.blank, ' '},
                                       {piece.alternate, '#'}}) {
    if (wanted) recipe += letter;
  }
  recipe += std::to_string(piece.width);
  if (piece.precision >= 0) recipe += fmt::format(".{}", piece.precision);
  const std::int64_t value = number(piece.atom, record);
  std::string text(static_cast<std::size_t>(piece.width + std::max(piece.precision, 0)) + 400,
                   '\0');
  int size = 0;
  if (Bytes("eEfFgG").find(piece.conversion) != Bytes::npos) {
    recipe += piece.conversion;
    size = std::snprintf(text.data(), text.size(), recipe.c_str(), static_cast<double>(value));
  } else {
    recipe += {'l', 'l', piece.conversion};
    size = std::snprintf(text.data(), text.size(), recipe.c_str(), static_cast<long long>(value));
  }
  text.resize(static_cast<std::size_t>(std::max(size, 0)));
  return text;
}

void append_shaped(const Piece& piece, const AccessRecord& record, std::string& out) {
  const bool as_text = piece.conversion == 's' || piece.conversion == 'r';
  std::string text = as_text ? shown_as_text(piece, record) : shown_as_number(piece, record);
  if (as_text) pad(piece, text);
  out += text;
}

}  // namespace

Result<AccessFormat> AccessFormat::compile(std::string_view format) {
  if (format == "json") return AccessFormat(Shape::Json);
  AccessFormat compiled(Shape::Pieces);
  Status read = FormatCompiler(format).compile(compiled.pieces_, compiled.tail_);
  if (!read) return read.error();
  return compiled;
}

AccessFormat AccessFormat::whole() { return AccessFormat(Shape::WholeJson); }

Result<AccessFormat> AccessFormat::wrapped(std::string_view format) {
  Result<AccessFormat> made = compile(format);
  if (made) made.value().is_wrapped_ = true;
  return made;
}

void AccessFormat::format(const AccessRecord& record, std::string& out) const {
  if (!is_wrapped_) return format_as_shaped(record, out);
  std::string line;
  format_as_shaped(record, line);
  line.pop_back();
  append_wrapped_line(record, line, out);
}

void AccessFormat::format_as_shaped(const AccessRecord& record, std::string& out) const {
  switch (shape_) {
    case Shape::Pieces:
      return format_pieces(record, out);
    case Shape::Json:
      return append_access_json(record, out);
    case Shape::WholeJson:
      return append_whole_access_json(record, out);
  }
}

void AccessFormat::format_pieces(const AccessRecord& record, std::string& out) const {
  for (const Piece& piece : pieces_) {
    out += piece.before;
    if (piece.plain) {
      append_plain(piece, record, out);
    } else {
      append_shaped(piece, record, out);
    }
  }
  out += tail_;
}

}  // namespace winghorn::log
