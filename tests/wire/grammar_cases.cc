// SPDX-License-Identifier: MIT
#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

using namespace std::string_literals;

void show(Terms& terms) { terms.show_fields = true; }
void small_limits(Terms& terms) {
  terms.limits.request_line_bytes = 40;
  terms.limits.header_fields = 3;
  terms.limits.header_field_bytes = 30;
}
void long_line(Terms& terms) { terms.limits.request_line_bytes = 8200; }
void unconventional_method(Terms& terms) { terms.strictness.conventional_method = false; }
void casefold(Terms& terms) {
  terms.strictness.conventional_method = terms.strictness.case_sensitive_method = false;
}
void casefold_alone(Terms& terms) { terms.strictness.case_sensitive_method = false; }
void unconventional_version(Terms& terms) {
  terms.strictness.conventional_version = false;
  terms.show_fields = true;
}
void spaces(Terms& terms) {
  terms.strictness.no_space_before_colon = false;
  terms.show_fields = true;
}
void folding(Terms& terms) {
  terms.strictness.no_folding = false;
  terms.show_fields = true;
}
void folding_small(Terms& terms) {
  folding(terms);
  terms.limits.header_field_bytes = 20;
}

void host_required(Terms& terms) { terms.strictness.host_required = true; }

const std::string kNoHost = "400 Missing HTTP Header: 'HOST'";
const std::string kHost = "Host: x\r\n";
const std::string kGet = "GET / HTTP/1.1\r\n";
const std::string kBehind = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

std::string line(const std::string& text) { return text + "\r\n" + kHost + "\r\n" + kBehind; }
std::string field(const std::string& text) { return kGet + text + "\r\n\r\n" + kBehind; }

std::string bad_line(const std::string& repr) { return "400 Invalid HTTP request line: " + repr; }
std::string bad_method(const std::string& repr) { return "400 Invalid HTTP method: " + repr; }
std::string bad_version(const std::string& repr) { return "400 Invalid HTTP Version: " + repr; }
std::string bad_header(const std::string& repr) { return "400 Invalid HTTP Header: " + repr; }
std::string bad_name(const std::string& repr) { return "400 Invalid HTTP header name: " + repr; }

std::vector<Case> request_lines() {
  const std::string version = " HTTP/1.1";
  return {
      {"one_request", kGet + kHost + "\r\n", {"GET /"}, "kept"},
      {"no_host_is_accepted", kGet + "\r\n", {"GET /"}, "kept"},
      {"no_host_where_it_is_required", kGet + "\r\n" + kBehind, {kNoHost}, "closed", host_required},
      {"empty_host_where_it_is_required", field("Host:"), {kNoHost}, "closed", host_required},
      {"host_where_it_is_required", kGet + kHost + "\r\n", {"GET /"}, "kept", host_required},
      {"no_host_in_1_0_where_it_is_required",
       "GET / HTTP/1.0\r\n\r\n",
       {"GET /"},
       "closed",
       host_required},
      {"pipelined",
       kGet + "\r\n" + kBehind + "HEAD /c HTTP/1.1\r\n\r\n",
       {"GET /", "GET /smuggled", "HEAD /c"},
       "kept"},
      {"one_empty_line_before", "\r\n" + kGet + "\r\n", {"GET /"}, "kept"},
      {"one_empty_line_between", kGet + "\r\n\r\n" + kBehind, {"GET /", "GET /smuggled"}, "kept"},
      {"two_empty_lines_before", "\r\n\r\n" + kGet + "\r\n", {bad_line("''")}},
      {"http_09", line("GET /"), {bad_line("'GET /'")}},
      {"empty_version", line("GET / "), {bad_version("''")}},
      {"two_parts_with_version", line("GET HTTP/1.1"), {bad_line("'GET HTTP/1.1'")}},
      {"double_space", line("GET  / HTTP/1.1"), {bad_line("'GET  / HTTP/1.1'")}},
      {"space_in_target", line("GET /a b HTTP/1.1"), {bad_version("'b HTTP/1.1'")}},
      {"trailing_space", line("GET / HTTP/1.1 "), {bad_version("'HTTP/1.1 '")}},
      {"tabs_as_separators", line("GET\t/\tHTTP/1.1"), {bad_line("'GET\\t/\\tHTTP/1.1'")}},
      {"leading_space", line(" GET / HTTP/1.1"), {bad_method("''")}},
      {"bare_lf_after_line",
       "GET / HTTP/1.1\nHost: x\r\n\r\n" + kBehind,
       {bad_line("'bare LF as line terminator'")}},
      {"bare_lf_first", "\nGET / HTTP/1.1\r\n\r\n", {bad_line("'bare LF as line terminator'")}},
      {"bare_lf_after_empty_line",
       "\r\n\nGET / HTTP/1.1\r\n\r\n",
       {bad_line("'bare LF as line terminator'")}},
      {"bare_cr_in_line", "GET /\r HTTP/1.1\r\n\r\n", {bad_line("'GET /\\r HTTP/1.1'")}},
      {"bare_cr_first", "\rGET / HTTP/1.1\r\n\r\n", {bad_method("'\\rGET'")}},
      {"cr_cr_lf", "GET / HTTP/1.1\r\r\n\r\n", {bad_version("'HTTP/1.1\\r'")}},
      {"end_inside_of_the_line", "GET / HT", {}, "closed", nullptr, Then::EndOfInput},
      {"end_inside_of_the_head", kGet + "Host: x\r\n", {}, "closed", nullptr, Then::EndOfInput},
      {"end_between_requests", kGet + "\r\n", {"GET /"}, "closed", nullptr, Then::EndOfInput},
      {"quotes_in_a_refused_line", line("GET 'a\""), {bad_line("'GET \\'a\"'")}},
      {"long_line_with_a_larger_limit",
       "GET /" + std::string(8176, 'a') + version + "\r\n\r\n",
       {"GET /" + std::string(8176, 'a')},
       "kept",
       long_line},
      {"line_at_the_limit",
       "GET /" + std::string(26, 'a') + version + "\r\n\r\n",
       {"GET /" + std::string(26, 'a')},
       "kept",
       small_limits},
      {"line_over_the_limit",
       line("GET /" + std::string(27, 'a') + version),
       {"414 Request Line is too large (41 > 40)"},
       "closed",
       small_limits},
      {"endless_line",
       "GET /" + std::string(500, 'a'),
       {"414 Request Line is too large (505 > 40)"},
       "closed",
       small_limits},
      {"bare_lf_behind_the_limit",
       "GET /" + std::string(500, 'a') + "\n",
       {"414 Request Line is too large (506 > 40)"},
       "closed",
       small_limits},
      {"tls_hello",
       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"s,
       {bad_line("'bare LF as line terminator'")}},
      {"http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {bad_line("'PRI * HTTP/2.0'")}},
      {"proxy_line_nobody_asked_for",
       "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + kGet + "\r\n",
       {bad_line("'PROXY TCP4 1.2.3.4 1.2.3.4 1 2'")}},
  };
}

std::vector<Case> methods() {
  const std::string rest = " / HTTP/1.1\r\n\r\n";
  return {
      {"unusual_method", "-PROPFIND.1" + rest, {"-PROPFIND.1 /"}, "kept"},
      {"method_of_20", std::string(20, 'A') + rest, {std::string(20, 'A') + " /"}, "kept"},
      {"method_of_21", std::string(21, 'A') + rest, {bad_method("'AAAAAAAAAAAAAAAAAAAAA'")}},
      {"method_of_2", "GE" + rest, {bad_method("'GE'")}},
      {"lower_case_method", "get" + rest, {bad_method("'get'")}},
      {"hash_in_method", "GE#T" + rest, {bad_method("'GE#T'")}},
      {"colon_in_method", "GET:" + rest, {bad_method("'GET:'")}},
      {"nul_in_method", "GET\0"s + rest, {bad_method("'GET\\x00'")}},
      {"non_ascii_method", "GET\xdf" + rest, {bad_method("'GET\\xdf'")}},
      {"unconventional_methods",
       "g#" + rest + "get" + rest,
       {"g# /", "get /"},
       "kept",
       unconventional_method},
      {"unconventional_is_still_a_token",
       "G(" + rest,
       {bad_method("'G('")},
       "closed",
       unconventional_method},
      {"casefold", "get" + rest + "pOST" + rest, {"GET /", "POST /"}, "kept", casefold},
      {"casefold_does_not_permit", "get" + rest, {bad_method("'get'")}, "closed", casefold_alone},
  };
}

std::vector<Case> targets() {
  const auto refused = [](const std::string& target, const std::string& repr,
                          const std::string& method = "GET") {
    return Case{"refused_target_" + repr,
                line(method + " " + target + " HTTP/1.1"),
                {bad_line("'" + method + " " + repr + " HTTP/1.1'")}};
  };
  const auto split = [](const std::string& request_target, const std::string& path,
                        const std::string& query, const std::string& method = "GET") {
    return Case{"target_" + request_target,
                method + " " + request_target + " HTTP/1.1\r\n\r\n",
                {method + " " + request_target, "http HTTP/1.1 " + path + " ? " + query},
                method == "CONNECT" ? "closed" : "kept",
                show};
  };
  return {
      split("/a/b?c=d&e", "/a/b", "c=d&e"),
      split("/a?b?c", "/a", "b?c"),
      split("/a#b?c", "/a", ""),
      split("/a?b#c", "/a", "b"),
      split("/?", "/", ""),
      split("///a//b", "///a//b", ""),
      split("//host/a", "//host/a", ""),
      split("/%00%2F\"'<>[]{}|\\^`", "/%00%2F\"'<>[]{}|\\^`", ""),
      split("http://host/p?q", "/p", "q"),
      split("http://host", "", ""),
      split("http://host?q", "", "q"),
      split("http://user@[::1]:80/p", "/p", ""),
      split("http://[v1.a]/p", "/p", ""),
      split("*", "*", "", "OPTIONS"),
      split("host:443", "host:443", "", "CONNECT"),
      split("[::1]:443", "[::1]:443", "", "CONNECT"),
      refused("*", "*"),
      refused("host:443", "host:443"),
      refused("relative/path", "relative/path"),
      refused("a?b://c", "a?b://c"),
      refused("s://]ufd/:", "s://]ufd/:"),
      refused("http://[::1/", "http://[::1/"),
      refused("http://[]/", "http://[]/"),
      refused("http://[g::]/", "http://[g::]/"),
      refused("http://a[::1]/", "http://a[::1]/"),
      refused("http://[::1]x/", "http://[::1]x/"),
      refused("1x://host/", "1x://host/"),
      refused("/a\x7f", "/a\\x7f"),
      refused("/a\0"s, "/a\\x00"),
      refused("/\xc3\xa9", "/\\xc3\\xa9"),
      refused("/a\x0b", "/a\\x0b"),
  };
}

std::vector<Case> versions() {
  const auto refused = [](const std::string& version, const std::string& repr) {
    return Case{"version_" + version, line("GET / " + version), {bad_version(repr)}};
  };
  const auto not_spoken = [](const std::string& version, const std::string& repr) {
    return Case{
        "version_" + version, line("GET / " + version), {"505 Invalid HTTP Version: " + repr}};
  };
  return {
      refused("FTP/1.1", "'FTP/1.1'"),
      refused("HTTP/1", "'HTTP/1'"),
      refused("HTTP/111", "'HTTP/111'"),
      refused("HTTP/1.32", "'HTTP/1.32'"),
      refused("HTTP/1.1a", "'HTTP/1.1a'"),
      refused("HTTP/11111111111111111111.1", "'HTTP/11111111111111111111.1'"),
      refused("http/1.1", "'http/1.1'"),
      refused("HTTP/-1.1", "'HTTP/-1.1'"),
      refused("HTTP/1.\xb2", "'HTTP/1.\\xb2'"),
      not_spoken("HTTP/0.9", "(0, 9)"),
      not_spoken("HTTP/2.0", "(2, 0)"),
      {"head_in_a_version_not_spoken",
       "HEAD / HTTP/0.1\r\n\r\n",
       {"505 Invalid HTTP Version: (0, 1)"}},
      {"version_1_0", "GET / HTTP/1.0\r\n\r\n" + kBehind, {"GET /"}},
      {"version_1_9", "GET / HTTP/1.9\r\n\r\n", {"GET /", "http HTTP/1.9 / ? "}, "kept", show},
      {"version_2_0_permitted",
       "GET / HTTP/2.0\r\n\r\n",
       {"GET /", "http HTTP/2.0 / ? "},
       "kept",
       unconventional_version},
      {"version_0_9_permitted",
       "GET / HTTP/0.9\r\n\r\n",
       {"GET /", "http HTTP/0.9 / ? "},
       "closed",
       unconventional_version},
  };
}

std::vector<Case> field_names() {
  return {
      {"unusual_name",
       kGet + "!#$%&'*+-.^`|~0aZ: v\r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "!#$%&'*+-.^`|~0aZ: v"},
       "kept",
       show},
      {"no_colon", field("Host x"), {bad_header("'Host x'")}},
      {"empty_name", field(": x"), {bad_header("': x'")}},
      {"space_before_colon", field("Host : x"), {bad_name("'Host '")}},
      {"tab_before_colon",
       field("Transfer-Encoding\t: chunked"),
       {bad_name("'Transfer-Encoding\\t'")}},
      {"space_in_name", field("Ho st: x"), {bad_name("'Ho st'")}},
      {"leading_space_in_first_field", field(" Host: x"), {bad_name("' Host'")}},
      {"nul_in_name", field("Ho\0st: x"s), {bad_name("'Ho\\x00st'")}},
      {"non_ascii_name", field("H\xf6st: x"), {bad_name("'H\\xf6st'")}},
      {"nel_after_name", field("Host\x85: x"), {bad_name("'Host\\x85'")}},
      {"nbsp_after_name", field("Host\xa0: x"), {bad_name("'Host\\xa0'")}},
      {"quote_in_name", field("a\"b: x"), {bad_name("'a\"b'")}},
      {"second_host", field("Host: a\r\nHOST: a"), {bad_header("'HOST'")}},
      {"second_content_type",
       field("Content-Type: a\r\ncontent-type: a"),
       {bad_header("'CONTENT-TYPE'")}},
      {"userinfo_in_host", field("Host: a@b"), {bad_header("'HOST'")}},
      {"path_in_host", field("Host: a/b"), {bad_header("'HOST'")}},
      {"space_in_host", field("Host: a b"), {bad_header("'HOST'")}},
      {"empty_host", kGet + "Host:\r\n\r\n", {"GET /"}, "kept"},
      {"host_with_port", kGet + "Host: [::1]:80\r\n\r\n", {"GET /"}, "kept"},
      {"spaces_stripped",
       kGet + "Host \t : x\r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "Host: x"},
       "kept",
       spaces},
      {"spaces_inside_are_not_stripped",
       field("Ho st : x"),
       {bad_name("'Ho st '")},
       "closed",
       spaces},
      {"only_spaces_before_colon", field(" : x"), {bad_name("' '")}, "closed", spaces},
      {"spaces_without_colon", field("Host  "), {bad_header("'Host  '")}, "closed", spaces},
  };
}

std::vector<Case> field_values() {
  std::vector<Case> cases = {
      {"blanks_around_value",
       kGet + "A:\t x \t y\t \r\nB:\r\nC: \r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "A: x \t y", "B: ", "C: "},
       "kept",
       show},
      {"obs_text_is_kept",
       kGet + "A: \x80\xa0\xff\r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "A: \x80\xa0\xff"},
       "kept",
       show},
      {"a_value_over_many_blocks",
       kGet + "A: " + std::string(100, 'v') + "\r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "A: " + std::string(100, 'v')},
       "kept",
       show},
      {"control_far_behind", field("A: " + std::string(60, 'v') + "\x01"), {bad_header("'A'")}},
      {"bare_lf_between_fields",
       kGet + "A: b\nHost: x\r\n\r\n" + kBehind,
       {bad_header("'bare LF as line terminator'")}},
      {"bare_lf_as_empty_line",
       kGet + "A: b\r\n\n" + kBehind,
       {bad_header("'bare LF as line terminator'")}},
      {"bare_lf_and_no_colon_behind",
       kGet + "A: b\r\n\nbehind\r\n\r\n",
       {bad_header("'bare LF as line terminator'")}},
      {"bare_cr_in_value", field("A: b\rc"), {bad_header("'A'")}},
      {"cr_cr_lf_after_value", field("A: b\r"), {bad_header("'A'")}},
      {"cr_lf_cr_x", kGet + "A: b\r\n\rX: y\r\n\r\n" + kBehind, {bad_name("'\\rX'")}},
      {"folded", field("A: b\r\n c"), {"400 Obsolete line folding is unacceptable: 'A'"}},
      {"folded_with_tab",
       field("Transfer-Encoding:\r\n\tchunked"),
       {"400 Obsolete line folding is unacceptable: 'TRANSFER-ENCODING'"}},
      {"folding_permitted",
       kGet + "A: b \r\n  c\r\n\t d\r\nE:\r\n f\r\nG: h\r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "A: b c d", "E: f", "G: h"},
       "kept",
       folding},
      {"folding_of_an_empty_line",
       kGet + "A: b\r\n \r\nC: d\r\n\r\n",
       {"GET /", "http HTTP/1.1 / ? ", "A: b", "C: d"},
       "kept",
       folding},
      {"control_in_a_folded_part", field("A: b\r\n c\x01"), {bad_header("'A'")}, "closed", folding},
      {"folded_beyond_the_limit",
       field("A: bbbbbbbb\r\n cccccccc"),
       {"431 limit request headers fields size"},
       "closed",
       folding_small},
      {"field_at_the_limit",
       kGet + "A: " + std::string(25, 'v') + "\r\n\r\n",
       {"GET /"},
       "kept",
       small_limits},
      {"field_over_the_limit",
       field("A: " + std::string(26, 'v')),
       {"431 limit request headers fields size"},
       "closed",
       small_limits},
      {"endless_field",
       kGet + "A: " + std::string(500, 'v'),
       {"431 limit request headers fields size"},
       "closed",
       small_limits},
      {"bare_lf_behind_the_field_limit",
       kGet + "A: " + std::string(500, 'v') + "\n",
       {"431 limit request headers fields size"},
       "closed",
       small_limits},
      {"fields_at_the_limit",
       kGet + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n",
       {"GET /"},
       "kept",
       small_limits},
      {"fields_over_the_limit",
       field("A: 1\r\nB: 2\r\nC: 3\r\nD: 4"),
       {"431 limit request headers fields"},
       "closed",
       small_limits},
      {"dropped_fields_do_not_count",
       kGet + "A: 1\r\nB: 2\r\nX_Y: 9\r\nX_Z: 9\r\n\r\n",
       {"GET /"},
       "kept",
       small_limits},
      {"endless_dropped_fields",
       kGet +
           [] {
             std::string text;
             for (int i = 0; i < 60; ++i) text += "a_b: c\r\n";
             return text;
           }(),
       {"431 max buffer headers"},
       "closed",
       small_limits},
      {"first_fault_is_named", field("A\x01: b\r\nC d"), {bad_name("'A\\x01'")}},
      {"line_before_fields", "GE / HTTP/1.1\r\nA\n\r\n\r\n", {bad_method("'GE'")}},
      {"head_too_slow",
       kGet + "A: b\r\n",
       {"408 Request head not received in time"},
       "closed",
       nullptr,
       Then::HeadClock},
      {"line_too_slow",
       "G",
       {"408 Request head not received in time"},
       "closed",
       nullptr,
       Then::HeadClock},
      {"idle_too_long", kGet + "\r\n", {"GET /"}, "closed", nullptr, Then::IdleClock},
      {"an_empty_line_is_still_idle",
       kGet + "\r\n\r\n",
       {"GET /"},
       "closed",
       nullptr,
       Then::IdleClock},
      {"drained_while_idle", kGet + "\r\n", {"GET /"}, "closed", nullptr, Then::Drain},
  };
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (c == '\t' || c == '\n' || (byte >= 0x20 && byte != 0x7F)) continue;
    cases.push_back({"control_byte_" + std::to_string(byte) + "_in_value",
                     field("A: b"s + c + "c"),
                     {bad_header("'A'")}});
  }
  return cases;
}

}  // namespace

std::vector<Case> grammar_cases() {
  std::vector<Case> all;
  for (auto part : {request_lines, methods, versions, field_names, field_values}) {
    for (Case& each : part()) all.push_back(std::move(each));
  }
  for (Case& each : targets()) all.push_back(std::move(each));
  return all;
}

}  // namespace winghorn::wire
