// SPDX-License-Identifier: MIT
#include "core/http1/request_parser.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/base/short_copy.h"
#include "core/http/grammar.h"

namespace winghorn::http1 {

// ---- Where the head ends

void HeadScanner::set_horizon(const Limits& limits) {
  if (block_ == 0) {
    horizon_ = limits.request_line_bytes + 2;
    beyond_ = Trouble::LineTooLarge;
    return;
  }
  const std::size_t line_horizon = line_ + limits.header_field_bytes;
  const std::size_t block_horizon =
      block_ + limits.header_fields * (limits.header_field_bytes + 2) + 4;
  horizon_ = std::min(line_horizon, block_horizon);
  beyond_ = line_horizon <= block_horizon ? Trouble::LineTooLarge : Trouble::BlockTooLarge;
}

HeadScanner::Result HeadScanner::scan(Bytes buffer, const Limits& limits) {
  const char* const begin = buffer.data();
  if (horizon_ == 0) set_horizon(limits);
  Result result = Result::More;
  each_byte(begin + seen_, begin + buffer.size(), '\n', [&](const char* at) {
    result = end_line(buffer, static_cast<std::size_t>(at - begin), limits);
    return result == Result::More;
  });
  if (result != Result::More) return result;
  if (buffer.size() >= horizon_) return refuse(beyond_);
  seen_ = buffer.size();
  return Result::More;
}

// A line feed was seen at `place`.
HeadScanner::Result HeadScanner::end_line(Bytes buffer, std::size_t place, const Limits& limits) {
  if (place >= horizon_) return refuse(beyond_);
  if (place == line_ || buffer[place - 1] != '\r') return refuse(Trouble::BareLineFeed);
  const bool empty = place == line_ + 1;
  line_ = place + 1;
  if (block_ == 0) {
    block_ = line_;
  } else if (empty) {
    return Result::Complete;
  }
  set_horizon(limits);
  return Result::More;
}

Refusal HeadScanner::refusal(Bytes buffer, const Limits& limits) const {
  const bool in_block = block_ > 0;
  if (trouble_ == Trouble::BareLineFeed) {
    return in_block ? invalid_header(kBareLineFeed) : invalid_request_line(kBareLineFeed);
  }
  if (in_block)
    return header_limit(trouble_ == Trouble::LineTooLarge ? kFieldTooLarge : kHeadTooLarge);
  return request_line_too_large(std::min(buffer.size(), buffer.find("\r\n")),
                                limits.request_line_bytes);
}

bool parse_hexadecimal(Bytes text, std::uint64_t& number) {
  number = 0;
  for (const char c : text) {
    const char lower = lower_case(c);
    unsigned digit = 0;
    if (is_digit(c)) {
      digit = static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      digit = static_cast<unsigned>(lower - 'a') + 10;
    } else {
      return false;
    }
    if (number >> 60U != 0) return false;
    number = number << 4U | digit;
  }
  return !text.empty();
}

// ---- The request line

namespace {

// What urlsplit() asks of an authority: brackets in pairs, around an address, at the host's beginning.
bool acceptable_authority(Bytes authority) {
  const std::size_t open = authority.find('[');
  const std::size_t close = authority.find(']');
  if (open == Bytes::npos && close == Bytes::npos) return true;
  if (open == Bytes::npos || close == Bytes::npos || close < open + 2) return false;
  if (open > 0 && authority[open - 1] != '@') return false;
  const Bytes behind = authority.substr(close + 1);
  const Bytes address = authority.substr(open + 1, close - open - 1);
  const bool versioned = lower_case(address.front()) == 'v';  // IPvFuture
  constexpr Bytes kAddressBytes = "0123456789abcdefABCDEF:.%";
  return (behind.empty() || behind.front() == ':') && behind.find_first_of("[]") == Bytes::npos &&
         (versioned || address.find_first_not_of(kAddressBytes) == Bytes::npos);
}

bool acceptable_scheme(Bytes scheme) {
  if (scheme.empty() || lower_case(scheme[0]) < 'a' || lower_case(scheme[0]) > 'z') return false;
  return std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return is_digit(c) || (lower_case(c) >= 'a' && lower_case(c) <= 'z') || c == '+' || c == '-' ||
           c == '.';
  });
}

void split_path(Bytes rest, RequestHead& head) {
  const char* const begin = rest.data();
  const char* const end = find_byte_readily(begin, begin + rest.size(), '#');
  const char* const mark = find_byte_readily(begin, end, '?');
  const char* const query = mark == end ? end : mark + 1;
  head.path = {begin, static_cast<std::size_t>(mark - begin)};
  head.query = {query, static_cast<std::size_t>(end - query)};
}

// The four forms of RFC 9112 3.2. A space stands behind it.
bool split_target(Bytes target, RequestHead& head) {
  if (target.empty() || skip_visible(&target.front()) != &target.back() + 1) return false;
  head.target = target;
  if (target[0] == '/') {
    split_path(target, head);
    return true;
  }
  if (target == "*") {
    split_path(target, head);
    return head.method == "OPTIONS";
  }
  const std::size_t colon = target.find(':');
  if (colon != Bytes::npos && target.substr(colon, 3) == "://" &&
      acceptable_scheme(target.substr(0, colon))) {
    const Bytes rest = target.substr(colon + 3);
    const std::size_t path = std::min(rest.size(), rest.find_first_of("/?#"));
    split_path(rest.substr(path), head);
    return acceptable_authority(rest.substr(0, path));
  }
  head.path = target;
  head.query = target.substr(target.size());
  return head.method == "CONNECT" && acceptable_authority(target);
}

Fault read_version(Bytes version, const Strictness& strictness, RequestTraits& traits) {
  constexpr Bytes kUsual = "HTTP/1.1";
  if (version.size() == kUsual.size() &&
      std::memcmp(version.data(), kUsual.data(), kUsual.size()) == 0) {
    traits.at_least_1_1 = true;
    return {};
  }
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return invalid_version(version);
  }
  const int major = version[5] - '0';
  const int minor = version[7] - '0';
  if (major != 1 && strictness.conventional_version) return invalid_version(major, minor);
  traits.at_least_1_1 = major > 1 || (major == 1 && minor >= 1);
  return {};
}

}  // namespace

Fault parse_request_line(char* line, std::size_t size, const Strictness& strictness,
                         RequestHead& head, RequestTraits& traits) {
  const char* const end = line + size;
  const char* const method_end = find_byte_readily(line, end, ' ');
  const char* const target = method_end == end ? end : method_end + 1;
  const char* const target_end = find_byte_readily(target, end, ' ');
  if (target_end == end) return invalid_request_line({line, size});
  head.method = {line, static_cast<std::size_t>(method_end - line)};
  head.version = {target_end + 1, static_cast<std::size_t>(end - target_end - 1)};
  if (!is_acceptable_method(head.method, strictness.conventional_method)) {
    return invalid_method(head.method);
  }
  if (!strictness.case_sensitive_method) {
    std::transform(line, line + head.method.size(), line, [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  }
  if (!split_target({target, static_cast<std::size_t>(target_end - target)}, head)) {
    return invalid_request_line({line, size});
  }
  traits.is_head = head.method == "HEAD";
  traits.is_connect = head.method == "CONNECT";
  return read_version(head.version, strictness, traits);
}

// ---- The header block

namespace {

class BlockParser {
 public:
  BlockParser(const ParseRules& rules, bool trusted_peer, RequestHead& head, RequestTraits& traits)
      : rules_(rules), trusted_(trusted_peer), head_(head), traits_(traits) {}

  // Behind the empty line, or null and fault() says why.
  char* parse(char* at, char* end);
  bool require_host();
  bool decide_body();
  Fault& fault() { return fault_; }

 private:
  bool parse_line(char*& at, char* end);
  bool take_field(Bytes name, Bytes value, bool underscore);
  bool take_underscore(Bytes name, bool& keep);
  bool take_special(Bytes name, Bytes value);
  bool take_host(Bytes value);
  bool take_expectation(Bytes value);
  void take_connection(Bytes value);
  bool take_scheme(Bytes name, Bytes value);
  bool take_codings(Bytes value);
  bool check_framing_fields();
  bool refuse(Refusal why) {
    fault_ = std::move(why);
    return false;
  }

  const ParseRules& rules_;
  const bool trusted_;
  RequestHead& head_;
  RequestTraits& traits_;
  Fault fault_;
  bool host_ = false;
  bool host_named_ = false;
  bool content_type_ = false;
  bool expects_continue_ = false;
  unsigned lengths_ = 0;
  unsigned codings_ = 0;
  Bytes length_;
  bool chunked_ = false;
};

[[gnu::cold]] Refusal explain_bad_name(Bytes line) {
  const std::size_t colon = line.find(':');
  if (colon == Bytes::npos || colon == 0) return invalid_header(line);
  return invalid_header_name(line.substr(0, colon));
}

// Without its line end. A bare LF may stand right here: only a scanned head is known to have none.
Bytes line_at(const char* at, const char* end) {
  const char* const line_feed = find_byte(at, end, '\n');
  return {at, line_feed == at ? 0 : static_cast<std::size_t>(line_feed - at - 1)};
}

// Joins folded lines where they lie: each break and the blanks around it become one space, what is left over
// at the end becomes blanks, so that the head can be parsed again. Returns where the last line ends (behind
// its LF); the value then is [begin, value_end).
char* join_folded(char* begin, char* end, char*& value_end) {
  char* at = begin;
  char* out = begin;
  while (true) {
    const Bytes line = line_at(at, end);
    const Bytes part = trim_blanks(line);
    if (out != begin) *out++ = ' ';
    std::memmove(out, part.data(), part.size());
    out += part.size();
    at += line.size() + 2;
    if (!is_blank(*at)) break;
  }
  value_end = out;
  std::fill(out, at - 2, ' ');
  return at;
}

char* BlockParser::parse(char* at, char* end) {
  while (*at != '\r' || at[1] != '\n') {
    if (head_.fields.size() >= rules_.limits.header_fields) {
      refuse(header_limit(kTooManyFields));
      return nullptr;
    }
    if (!parse_line(at, end)) return nullptr;
  }
  return at + 2;
}

bool BlockParser::parse_line(char*& at, char* end) {
  char* const line = at;
  at = const_cast<char*>(skip_plain_name(at));
  unsigned classes = 0;
  unsigned byte = byte_class(*at);
  while ((byte & kTokenByte) != 0) {
    classes |= byte;
    byte = byte_class(*++at);
  }
  const Bytes name(line, static_cast<std::size_t>(at - line));
  if (*at != ':' && !rules_.strictness.no_space_before_colon) {
    while (is_blank(*at)) ++at;
  }
  if (*at != ':' || name.empty()) return refuse(explain_bad_name(line_at(line, end)));
  ++at;
  while (is_blank(*at)) ++at;
  char* const begin = at;
  char* value_end = const_cast<char*>(next_control(at));
  if (*value_end != '\r' || value_end[1] != '\n') return refuse(invalid_header(upper_case(name)));
  at = value_end + 2;
  if (is_blank(*at)) {
    if (rules_.strictness.no_folding) return refuse(obsolete_folding(upper_case(name)));
    at = join_folded(begin, end, value_end);
    if (static_cast<std::size_t>(at - line) > rules_.limits.header_field_bytes) {
      return refuse(header_limit(kFieldTooLarge));
    }
    if (find_control(begin, value_end) != value_end) {
      return refuse(invalid_header(upper_case(name)));
    }
  }
  while (value_end > begin && is_blank(value_end[-1])) --value_end;
  const Bytes value(begin, static_cast<std::size_t>(value_end - begin));
  return take_field(name, value, (classes & kUnderscoreByte) != 0);
}

bool BlockParser::take_field(Bytes name, Bytes value, bool underscore) {
  if (underscore) {
    bool keep = false;
    if (!take_underscore(name, keep)) return false;
    if (!keep) return true;
  }
  if (!take_special(name, value)) return false;
  head_.fields.push_back({name, value});
  return true;
}

bool BlockParser::take_underscore(Bytes name, bool& keep) {
  const HeaderPolicy& policy = rules_.policy;
  const auto allowed = [&](const std::string& listed) {
    return listed == "*" || equals_ignoring_case(listed, name);
  };
  keep = (trusted_ &&
          std::any_of(policy.forwarder_headers.begin(), policy.forwarder_headers.end(), allowed)) ||
         policy.header_map == HeaderMap::Dangerous;
  if (keep || policy.header_map != HeaderMap::Refuse) return true;
  return refuse(invalid_header_name(upper_case(name)));
}

bool BlockParser::take_special(Bytes name, Bytes value) {
  switch (name.size()) {
    case 4:
      if (is_token_named(name, "host")) return take_host(value);
      break;
    case 6:
      if (is_token_named(name, "expect")) return take_expectation(value);
      break;
    case 10:
      if (is_token_named(name, "connection")) take_connection(value);
      break;
    case 12:
      if (is_token_named(name, "content-type") && std::exchange(content_type_, true)) {
        return refuse(invalid_header("CONTENT-TYPE"));
      }
      break;
    case 14:
      if (is_token_named(name, "content-length") && lengths_++ == 0) length_ = value;
      break;
    case 15:
      if (trusted_ && is_token_named(name, "x-request-start")) head_.request_start = value;
      break;
    case 17:
      if (is_token_named(name, "transfer-encoding")) ++codings_;
      break;
    default:
      break;
  }
  return !trusted_ || take_scheme(name, value);
}

bool BlockParser::take_host(Bytes value) {
  if (std::exchange(host_, true)) return refuse(invalid_header("HOST"));
  // Who routes by Host and who splits it at odd places must not disagree (RFC 9112 3.2).
  if (value.empty()) return true;
  const char* const end = &value.back() + 1;
  const char* const unusual = skip_plain_host(&value.front());
  const Bytes rest(unusual, static_cast<std::size_t>(end - unusual));
  host_named_ = rest.empty() || (common_class(rest) & kHostByte) != 0;
  if (host_named_) return true;
  return refuse(invalid_header("HOST"));
}

bool BlockParser::take_expectation(Bytes value) {
  expects_continue_ = equals_lower(value, "100-continue");
  return expects_continue_ || refuse(expectation_failed(value));
}

void BlockParser::take_connection(Bytes value) {
  each_member(value, [this](Bytes option) {
    if (equals_lower(option, "close")) traits_.asks_close = true;
    if (equals_lower(option, "keep-alive")) traits_.asks_keep_alive = true;
  });
}

bool BlockParser::take_scheme(Bytes name, Bytes value) {
  for (const auto& [listed, secure] : rules_.policy.secure_scheme_headers) {
    if (!equals_ignoring_case(listed, name)) continue;
    const Bytes scheme = value == secure ? "https" : "http";
    if (!head_.scheme.empty() && head_.scheme != scheme) return refuse(contradictory_schemes());
    head_.scheme = scheme;
  }
  return true;
}

bool BlockParser::take_codings(Bytes value) {
  each_member(value, [&](Bytes coding) {
    if (fault_) return;
    const bool compressed = equals_lower(coding, "gzip") || equals_lower(coding, "deflate") ||
                            equals_lower(coding, "compress");
    const bool is_chunked = equals_lower(coding, "chunked");
    if (!compressed && !is_chunked && !equals_lower(coding, "identity")) {
      refuse(unsupported_coding(value));
    } else if (chunked_) {
      refuse(invalid_header("TRANSFER-ENCODING"));  // nothing may come after chunked
    }
    chunked_ = chunked_ || is_chunked;
    traits_.undecoded = traits_.undecoded || compressed;
  });
  return !fault_;
}

// In the order of the fields, as the first offence is the one that is named.
bool BlockParser::check_framing_fields() {
  unsigned lengths = 0;
  for (const Field& field : head_.fields) {
    if (field.name.size() == 14 && equals_lower(field.name, "content-length") && ++lengths > 1) {
      return refuse(invalid_header("CONTENT-LENGTH"));
    }
    if (field.name.size() == 17 && equals_lower(field.name, "transfer-encoding") &&
        !take_codings(field.value)) {
      return false;
    }
  }
  return true;
}

// An empty one names none: no "http" URI is without a host (RFC 9110 4.2.1).
bool BlockParser::require_host() {
  return host_named_ || !rules_.strictness.host_required || !traits_.at_least_1_1 ||
         refuse(missing_host());
}

// RFC 9112 6.3, with every doubt refused.
bool BlockParser::decide_body() {
  if ((codings_ > 0 || lengths_ > 1) && !check_framing_fields()) return false;
  if (codings_ > 0 && (!chunked_ || !traits_.at_least_1_1)) {
    return refuse(invalid_header("TRANSFER-ENCODING"));
  }
  if (chunked_ && lengths_ > 0) return refuse(invalid_header("CONTENT-LENGTH"));
  if (lengths_ > 0) {
    std::uint64_t length = 0;
    if (!parse_decimal(length_, length)) return refuse(invalid_header("CONTENT-LENGTH"));
    head_.content_length = length;
  }
  head_.length_unknown = chunked_;
  head_.expects_continue = expects_continue_ && traits_.at_least_1_1 && head_.has_body();
  return true;
}

}  // namespace

bool may_be_lone_head(Bytes arrived, const ParseRules& rules) {
  constexpr std::size_t kWorthCopying = 4096;
  const std::size_t within_limits =
      std::min(rules.limits.request_line_bytes, rules.limits.header_field_bytes);
  return arrived.size() <= std::min(within_limits, kWorthCopying) &&
         arrived.ends_with("\r\n\r\n") && rules.strictness.no_folding;
}

// What is there of an earlier head is as good a place as any: only growth costs.
void keep_head(Bytes arrived, std::string& bytes) {
  bytes.resize(arrived.size() + kReadBeyond);
  short_copy(bytes.data(), arrived.data(), arrived.size());
  constexpr std::array<char, kReadBeyond> kNothing{};
  short_copy(bytes.data() + arrived.size(), kNothing.data(), kNothing.size());
}

Fault parse_request_head(std::string& bytes, const ParseRules& rules, bool trusted_peer,
                         RequestHead& head, RequestTraits& traits) {
  char* const begin = bytes.data();
  char* const end = begin + bytes.size() - kReadBeyond;
  char* const line_end = const_cast<char*>(find_byte_readily(begin, end, '\n'));
  if (line_end == begin || line_end[-1] != '\r') return invalid_request_line(kBareLineFeed);
  const auto line_size = static_cast<std::size_t>(line_end - begin - 1);
  if (Fault fault = parse_request_line(begin, line_size, rules.strictness, head, traits)) {
    head.clear();
    traits = RequestTraits{};
    return fault;
  }
  BlockParser block(rules, trusted_peer, head, traits);
  const char* const head_end = block.parse(line_end + 1, end);
  if (head_end == nullptr) return std::move(block.fault());
  bytes.resize(static_cast<std::size_t>(head_end - begin));
  if (head.scheme.empty()) head.scheme = "http";
  if (!block.require_host() || !block.decide_body()) return std::move(block.fault());
  return {};
}

Fault parse_field_line(Bytes line, const Strictness& strictness, FieldLine& field) {
  const std::size_t colon = line.find(':');
  if (colon == Bytes::npos || colon == 0) return invalid_header(line);
  Bytes name = line.substr(0, colon);
  if (!strictness.no_space_before_colon) {
    while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
  }
  if (!is_token(name)) return invalid_header_name(line.substr(0, colon));
  field = {name, trim_blanks(line.substr(colon + 1))};
  if (!is_field_value(field.value)) return invalid_header(upper_case(name));
  return {};
}

}  // namespace winghorn::http1
