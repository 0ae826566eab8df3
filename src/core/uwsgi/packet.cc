// SPDX-License-Identifier: MIT
#include "core/uwsgi/packet.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "core/http/grammar.h"

namespace winghorn::uwsgi {
namespace {

constexpr std::size_t kHeaderBytes = 4;
constexpr Bytes kFieldPrefix = "HTTP_";

std::size_t number_at(const char* at) {
  return static_cast<unsigned char>(at[0]) | std::size_t{static_cast<unsigned char>(at[1])} << 8U;
}

// All texts are ASCII, and nothing of the peer's is in them.
[[gnu::cold]] Refusal refused(int status, const std::string& text) { return {status, text, text}; }
[[gnu::cold]] Refusal invalid(std::string_view why) {
  return refused(400, "Invalid uWSGI header: " + std::string(why));
}

// CGI makes '_' of '-'; some gateways keep it.
bool is_cgi_name(Bytes name, Bytes wanted) {
  return std::ranges::equal(name, wanted, [](char given, char expected) {
    return given == expected || (given == '-' && expected == '_') ||
           lower_case(given) == lower_case(expected);
  });
}

// `text` is a part of the bytes that may be changed.
void make_upper_case(Bytes text) {
  char* const begin = const_cast<char*>(text.data());
  std::transform(begin, begin + text.size(), begin, [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
}

bool is_variable_name(Bytes name) {
  return !name.empty() && is_visible(name) && name.find('=') == Bytes::npos;
}

// As a client could have written them. '%' is encoded too: it stands for itself in a decoded path.
std::string made_target(Bytes path, Bytes query) {
  constexpr Bytes kDigits = "0123456789ABCDEF";
  std::string target;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte_class(c) & kTargetByte) != 0 && c != '%' && c != '?' && c != '#') {
      target += c;
    } else {
      target.append({'%', kDigits[byte >> 4U], kDigits[byte & 15U]});
    }
  }
  if (target.empty()) target = "/";
  if (!query.empty()) target.append(1, '?').append(query);
  return target;
}

class PacketReader {
 public:
  PacketReader(const Limits& limits, const Strictness& strictness, bool trusted_peer,
               RequestHead& head, RequestTraits& traits)
      : limits_(limits),
        strictness_(strictness),
        trusted_(trusted_peer),
        head_(head),
        traits_(traits) {}

  // False: fault() says why. The target is left to the caller where no REQUEST_URI was given.
  bool read(char* at, char* end) {
    return read_variables(at, end) && take_request_line() && take_gateway_words() &&
           decide_body() && refuse_repetition();
  }
  Fault& fault() { return fault_; }

 private:
  // What is looked for by name. Once each; an empty one has been given all the same.
  struct Known {
    Bytes name;
    Bytes PacketReader::* place;
    bool passed_on;  // to the application under this name
  };
  static const std::array<Known, 13> kKnown;

  bool read_variables(char* at, char* end);
  bool take_variable(Bytes name, Bytes value);
  bool take_field(char* name, std::size_t name_size, Bytes value);
  bool take_special(Bytes name, Bytes value);
  bool take_host(Bytes value);
  void take_connection(Bytes value);
  bool take_request_line();
  bool take_gateway_words();
  bool decide_body();
  void put_field(Bytes name, Bytes value);
  bool refuse_repetition();
  bool refuse(Refusal why) {
    fault_ = std::move(why);
    return false;
  }

  const Limits& limits_;
  const Strictness& strictness_;
  const bool trusted_;
  RequestHead& head_;
  RequestTraits& traits_;
  Fault fault_;

  Bytes method_;
  Bytes path_;
  Bytes query_;
  Bytes uri_;
  Bytes protocol_;
  Bytes client_;
  Bytes client_port_;
  Bytes https_;
  Bytes request_scheme_;
  Bytes wsgi_scheme_;
  Bytes type_;
  Bytes length_;
  Bytes client_length_;  // what the client had said to the gateway
  Bytes codings_;        // likewise
  bool host_ = false;
};

const std::array<PacketReader::Known, 13> PacketReader::kKnown{{
    {"REQUEST_METHOD", &PacketReader::method_, false},
    {"PATH_INFO", &PacketReader::path_, false},
    {"QUERY_STRING", &PacketReader::query_, false},
    {"CONTENT_TYPE", &PacketReader::type_, false},
    {"CONTENT_LENGTH", &PacketReader::length_, false},
    {"wsgi.url_scheme", &PacketReader::wsgi_scheme_, false},
    {"REQUEST_URI", &PacketReader::uri_, true},
    {"SERVER_PROTOCOL", &PacketReader::protocol_, true},
    {"REMOTE_ADDR", &PacketReader::client_, true},
    {"REMOTE_PORT", &PacketReader::client_port_, true},
    {"HTTPS", &PacketReader::https_, true},
    {"REQUEST_SCHEME", &PacketReader::request_scheme_, true},
    {"HTTP_CONTENT_LENGTH", &PacketReader::client_length_, true},
}};

// One text behind its length; false: there is not that much.
bool take_text(char*& at, const char* end, char*& text, std::size_t& size) {
  if (end - at < 2) return false;
  size = number_at(at);
  text = at + 2;
  if (static_cast<std::size_t>(end - text) < size) return false;
  at = text + size;
  return true;
}

bool PacketReader::read_variables(char* at, char* end) {
  for (std::size_t count = 0; at < end; ++count) {
    char* name = nullptr;
    char* value = nullptr;
    std::size_t name_size = 0;
    std::size_t value_size = 0;
    if (count == limits_.gateway_variables) {
      return refuse(refused(431, "Invalid uWSGI header: too many variables"));
    }
    if (!take_text(at, end, name, name_size)) return refuse(invalid("truncated key"));
    if (!take_text(at, end, value, value_size)) return refuse(invalid("truncated value"));
    const Bytes given(name, name_size);
    const Bytes told(value, value_size);
    // Beside CONTENT_TYPE and CONTENT_LENGTH they are the client's own words and mean nothing here.
    const bool is_clients =
        is_cgi_name(given, "HTTP_CONTENT_TYPE") || is_cgi_name(given, "HTTP_CONTENT_LENGTH");
    const bool is_field = given.starts_with(kFieldPrefix) && !is_clients;
    if (is_field ? !take_field(name, name_size, told) : !take_variable(given, told)) return false;
  }
  return true;
}

bool PacketReader::take_variable(Bytes name, Bytes value) {
  if (!is_variable_name(name)) return refuse(invalid("bad name of a variable"));
  if (value.find('\0') != Bytes::npos) return refuse(invalid("NUL in " + std::string(name)));
  const auto* const known = std::ranges::find(kKnown, name, &Known::name);
  if (known != kKnown.end()) {
    Bytes& place = this->*known->place;
    if (place.data() != nullptr) return refuse(invalid("repeated " + std::string(known->name)));
    place = value;
    if (!known->passed_on) return true;
  }
  if (name.find('.') == Bytes::npos) head_.variables.push_back({name, value});
  return true;
}

bool PacketReader::take_field(char* name, std::size_t name_size, Bytes value) {
  std::replace(name + kFieldPrefix.size(), name + name_size, '_', '-');
  const Bytes field = Bytes(name, name_size).substr(kFieldPrefix.size());
  if (!is_token(field)) return refuse(invalid_header_name(field));
  if (!is_field_value(value)) return refuse(invalid_header(field));
  value = trim_blanks(value);
  if (!take_special(field, value)) return false;
  if (equals_lower(field, "transfer-encoding")) return true;
  put_field(field, value);
  return !fault_;
}

// The limits are those of HTTP, whose line would have ": " and CR LF besides.
void PacketReader::put_field(Bytes name, Bytes value) {
  if (head_.fields.size() >= limits_.header_fields) {
    refuse(header_limit(kTooManyFields));
  } else if (name.size() + value.size() + 4 > limits_.header_field_bytes) {
    refuse(header_limit(kFieldTooLarge));
  } else {
    head_.fields.push_back({name, value});
  }
}

bool PacketReader::take_special(Bytes name, Bytes value) {
  if (equals_lower(name, "host")) return take_host(value);
  if (equals_lower(name, "connection")) take_connection(value);
  if (equals_lower(name, "transfer-encoding") && !value.empty()) codings_ = value;
  if (equals_lower(name, "x-request-start") && trusted_) head_.request_start = value;
  // The gateway has dealt with 100-continue, and sends the body in any case.
  const bool expects = equals_lower(name, "expect") && !value.empty();
  return !expects || equals_lower(value, "100-continue") || refuse(expectation_failed(value));
}

bool PacketReader::take_host(Bytes value) {
  const bool is_good = value.empty() || (common_class(value) & kHostByte) != 0;
  if (std::exchange(host_, true) || !is_good) return refuse(invalid_header("HOST"));
  return true;
}

void PacketReader::take_connection(Bytes value) {
  each_member(value, [this](Bytes option) {
    if (equals_lower(option, "close")) traits_.asks_close = true;
  });
}

bool PacketReader::take_request_line() {
  if (method_.empty()) return refuse(invalid("no REQUEST_METHOD"));
  if (!is_acceptable_method(method_, strictness_.conventional_method)) {
    return refuse(invalid_method(method_));
  }
  if (!strictness_.case_sensitive_method) make_upper_case(method_);
  if (!is_visible(uri_) || !is_visible(query_)) return refuse(invalid_request_line(uri_));
  head_.method = method_;
  head_.target = uri_;
  head_.query = query_;
  head_.path = path_.data() == nullptr ? Bytes("/") : path_;
  head_.path_is_decoded = true;
  const std::size_t line = method_.size() + uri_.size() + Bytes("  HTTP/1.1").size();
  if (line > limits_.request_line_bytes) {
    return refuse(request_line_too_large(line, limits_.request_line_bytes));
  }
  traits_.is_head = method_ == "HEAD";
  traits_.is_connect = method_ == "CONNECT";
  traits_.asks_keep_alive = true;
  return true;
}

bool PacketReader::take_gateway_words() {
  if (!is_visible(protocol_)) return refuse(invalid("bad SERVER_PROTOCOL"));
  if (!is_visible(client_)) return refuse(invalid("bad REMOTE_ADDR"));
  if (!is_visible(client_port_)) return refuse(invalid("bad REMOTE_PORT"));
  if (!client_.empty()) head_.client = Client{client_, client_port_};
  head_.version = protocol_.empty() ? Bytes("HTTP/1.1") : protocol_;
  const bool is_secure = equals_lower(https_, "on") || https_ == "1" ||
                         equals_lower(https_, "true") || equals_lower(request_scheme_, "https") ||
                         equals_lower(wsgi_scheme_, "https");
  head_.scheme = is_secure ? "https" : "http";
  return true;
}

// CONTENT_LENGTH alone says how much follows; where the client had said something else to the gateway, what
// follows may be its body all the same, and must never be taken for a packet.
bool PacketReader::decide_body() {
  std::uint64_t clients = 0;
  const bool client_said = !client_length_.empty();
  if (client_said && !parse_decimal(client_length_, clients)) {
    return refuse(invalid_header("CONTENT-LENGTH"));
  }
  if (!is_field_value(type_)) return refuse(invalid_header("CONTENT-TYPE"));
  if (!type_.empty()) put_field("CONTENT-TYPE", trim_blanks(type_));
  if (length_.empty()) {
    if (!codings_.empty()) return refuse(unsupported_coding(codings_));
    traits_.asks_close = traits_.asks_close || clients > 0;
    return !fault_;
  }
  std::uint64_t length = 0;
  if (!parse_decimal(length_, length) || (client_said && clients != length)) {
    return refuse(invalid_header("CONTENT-LENGTH"));
  }
  head_.content_length = length;
  put_field("CONTENT-LENGTH", length_);
  return !fault_;
}

bool PacketReader::refuse_repetition() {
  std::ranges::sort(head_.variables, {}, &Field::name);
  const auto twice = std::ranges::adjacent_find(head_.variables, {}, &Field::name);
  if (twice == head_.variables.end()) return true;
  return refuse(invalid("repeated " + std::string(twice->name)));
}

}  // namespace

HeadFormat::Extent PacketFormat::extent(Bytes arrived, const ConnectionInfo& /*connection*/) const {
  const auto modifier = static_cast<unsigned char>(arrived.front());
  if (modifier != 0) {
    return {0, refused(501, "Unsupported uWSGI modifier1: " + std::to_string(modifier))};
  }
  if (arrived.size() < kHeaderBytes) return {};
  return {kHeaderBytes + number_at(&arrived[1]), {}};
}

Fault PacketFormat::read(std::string& bytes, const ConnectionInfo& connection, RequestHead& head,
                         RequestTraits& traits) const {
  const std::size_t size =
      bytes.size() < kHeaderBytes ? kHeaderBytes : kHeaderBytes + number_at(&bytes[1]);
  if (bytes.size() < size) return invalid("incomplete vars block");
  PacketReader reader(limits_, strictness_, connection.trusted_forwarder, head, traits);
  if (!reader.read(bytes.data() + kHeaderBytes, bytes.data() + size)) {
    head.variables.clear();  // not all of them have been looked at
    head.client.reset();
    return reader.fault();
  }
  if (!head.target.empty()) return {};
  if (bytes.size() == size) {
    bytes.append(made_target(head.path, head.query));  // moves what head points into
    head.clear();
    traits = RequestTraits{};
    return read(bytes, connection, head, traits);
  }
  head.target = Bytes(bytes).substr(size);
  return {};
}

HeadFormat::Extent ForbiddenFormat::extent(Bytes /*arrived*/,
                                           const ConnectionInfo& connection) const {
  const std::string peer = python_text(connection.peer_address);
  return {0, refused(403, "uWSGI request from " + peer + " not allowed")};
}

Fault ForbiddenFormat::read(std::string& bytes, const ConnectionInfo& connection,
                            RequestHead& /*head*/, RequestTraits& /*traits*/) const {
  return extent(bytes, connection).fault;
}

}  // namespace winghorn::uwsgi
