// SPDX-License-Identifier: MIT
#include "core/http/reply.h"

#include "core/http/grammar.h"

namespace winghorn {
namespace {

enum class Owner : std::uint8_t { Application, Connection, ConnectionOptions, Upgrade, Length };

// Whose a field is. The connection's are dropped, as gunicorn drops them (PEP 3333, RFC 9110 7.6.1).
Owner owner_of(Bytes name) {
  const auto is = [name](Bytes lower) { return equals_lower(name, lower); };
  switch (name.size()) {
    case 2:
      return is("te") ? Owner::Connection : Owner::Application;
    case 4:
      return is("date") ? Owner::Connection : Owner::Application;
    case 6:
      return is("server") ? Owner::Connection : Owner::Application;
    case 7:
      return is("upgrade") ? Owner::Upgrade : Owner::Application;
    case 8:
      return is("trailers") ? Owner::Connection : Owner::Application;
    case 10:
      if (is("connection")) return Owner::ConnectionOptions;
      return is("keep-alive") ? Owner::Connection : Owner::Application;
    case 14:
      return is("content-length") ? Owner::Length : Owner::Application;
    case 17:
      return is("transfer-encoding") ? Owner::Connection : Owner::Application;
    case 18:
      return is("proxy-authenticate") ? Owner::Connection : Owner::Application;
    case 19:
      return is("proxy-authorization") ? Owner::Connection : Owner::Application;
    default:
      return Owner::Application;
  }
}

constexpr std::size_t kUsualTextBytes = 240;
constexpr std::size_t kUsualFields = 8;

}  // namespace

bool ReplyHead::set_status(int status, Bytes reason) {
  if (status < 100 || status > 999 || !is_field_value(reason)) return false;
  status_ = status;
  reason_ = reason;
  return true;
}

FieldFault ReplyHead::add(Bytes name, Bytes value) {
  if (!is_token(name)) return FieldFault::BadName;
  value = trim_blanks(value);
  if (!is_field_value(value)) return FieldFault::BadValue;
  switch (owner_of(name)) {
    case Owner::Connection:
      return FieldFault::None;
    case Owner::ConnectionOptions:
      note_connection_options(value);
      return FieldFault::None;
    case Owner::Length:
      return note_length(value);
    case Owner::Upgrade:
      if (!equals_lower(value, "websocket")) return FieldFault::None;
      break;
    case Owner::Application:
      break;
  }
  if (spans_.empty()) {
    // Enough for most: growing by and by would move what is there four times.
    text_.reserve(kUsualTextBytes);
    spans_.reserve(kUsualFields);
  }
  text_.append(name).append(value);
  spans_.push_back(
      {static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(value.size())});
  return FieldFault::None;
}

void ReplyHead::note_connection_options(Bytes value) {
  each_member(value, [this](Bytes option) {
    if (equals_lower(option, "close")) asks_close_ = true;
    if (equals_lower(option, "upgrade")) asks_upgrade_ = true;
  });
}

FieldFault ReplyHead::note_length(Bytes value) {
  std::uint64_t length = 0;
  if (!parse_decimal(value, length)) return FieldFault::BadLength;
  if (content_length_ && *content_length_ != length) return FieldFault::BadLength;
  content_length_ = length;
  return FieldFault::None;
}

void ReplyHead::clear() {
  status_ = 0;
  asks_close_ = asks_upgrade_ = error_page_ = false;
  content_length_.reset();
  reason_.clear();
  text_.clear();
  spans_.clear();
}

}  // namespace winghorn
