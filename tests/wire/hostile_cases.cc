// SPDX-License-Identifier: MIT
//
// What tries to make two readers see different requests, in as many spellings as are known.
#include "core/http/grammar.h"
#include "core/http/refusal.h"
#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

using namespace std::string_literals;

const std::string kBehind = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kGet = "GET / HTTP/1.1\r\n";
const std::string kPost = "POST /p HTTP/1.1\r\nHost: x\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kEnd = "0\r\n\r\n";
const std::string kLengthFault = "400 Invalid HTTP Header: 'CONTENT-LENGTH'";
const std::string kCodingFault = "400 Invalid HTTP Header: 'TRANSFER-ENCODING'";
const std::string kHostFault = "400 Invalid HTTP Header: 'HOST'";
const std::string kBareLineFeed = "400 Invalid HTTP Header: 'bare LF as line terminator'";

std::string bad_header(const std::string& repr) { return "400 Invalid HTTP Header: " + repr; }
std::string bad_name(const std::string& repr) { return "400 Invalid HTTP header name: " + repr; }

// As a log line has it.
std::string printable_repr(Bytes text) {
  constexpr Bytes kDigits = "0123456789abcdef";
  std::string printable;
  for (const char c : python_text(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      printable += c;
    } else {
      printable.append("\\x").append(1, kDigits[byte / 16]).append(1, kDigits[byte % 16]);
    }
  }
  return printable;
}

// Codings that look like "chunked" to somebody.
std::vector<Case> disguised_codings() {
  const auto with = [](const std::string& name, const std::string& value,
                       const std::string& event) {
    return Case{"disguised_" + name,
                kPost + "Transfer-Encoding:" + value + "\r\n\r\n" + kEnd + kBehind,
                {event}};
  };
  const auto unknown = [&with](const std::string& name, const std::string& value) {
    const Bytes trimmed = trim_blanks(value);
    return with(name, value, "501 Unsupported transfer coding: " + printable_repr(trimmed));
  };
  const auto invalid = [&with](const std::string& name, const std::string& value) {
    return with(name, value, kCodingFault);
  };
  const auto accepted = [](const std::string& name, const std::string& field) {
    return Case{"undisguised_" + name,
                kPost + field + "\r\n\r\n1\r\na\r\n" + kEnd + kBehind,
                {"POST /p a", "GET /smuggled"},
                "kept"};
  };
  std::vector<Case> cases = {
      accepted("without_a_blank", "Transfer-Encoding:chunked"),
      accepted("with_many_blanks", "Transfer-Encoding:   chunked  "),
      accepted("with_tabs", "Transfer-Encoding:\tchunked\t"),
      accepted("in_mixed_case", "tRANSFER-eNCODING: cHUNKED"),
      accepted("identity_in_a_field_before",
               "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
      unknown("by_a_prefix", " xchunked"),
      unknown("by_a_suffix", " chunkedx"),
      unknown("by_a_number", " chunked1"),
      unknown("by_a_dot", " chunked."),
      unknown("in_single_quotes", " 'chunked'"),
      unknown("in_brackets", " [chunked]"),
      unknown("with_a_semicolon", " chunked;"),
      unknown("with_a_quality", " chunked;q=0.5"),
      unknown("with_a_colon", " chunked: x"),
      unknown("with_a_second_word", " chunked x"),
      unknown("twice_in_one_word", " chunkedchunked"),
      unknown("with_a_semicolon_list", " identity;chunked"),
      unknown("with_an_empty_member", " identity,,chunked"),
      unknown("with_blank_members", " , ,chunked"),
      unknown("by_its_name", " Transfer-Encoding: chunked"),
      unknown("percent_encoded", " %63hunked"),
      unknown("backslash_escaped", " ch\\unked"),
      unknown("a_long_s",
              " chunk\xc5\xbf"
              "d"),
      unknown("a_wide_c", " \xef\xbd\x83hunked"),
      unknown("a_byte_order_mark",
              " \xef\xbb\xbf"
              "chunked"),
      unknown("x_gzip", " x-gzip, chunked"),
      unknown("brotli", " br, chunked"),
      unknown("trailers", " trailers"),
      unknown("a_star", " *"),
      invalid("gzip_last", " chunked, gzip"),
      invalid("deflate_last", " chunked , deflate"),
      invalid("compress_only", " compress"),
      invalid("identity_twice", " identity, identity"),
      invalid("chunked_three_times", " chunked, chunked, chunked"),
      invalid("chunked_then_identity_in_a_field", " chunked\r\nTransfer-Encoding: identity"),
      invalid("a_nul_behind", " chunked\0"s),
      invalid("a_nul_before", " \0chunked"s),
      invalid("a_bare_cr_behind", " chunked\r"),
      invalid("a_bare_cr_before", " \rchunked"),
      invalid("a_bare_cr_between", " chun\rked"),
      invalid("a_backspace",
              " x\x08"
              "chunked"),
      invalid("a_delete", " chunked\x7f"),
      invalid("an_escape", " \x1b[0mchunked"),
      invalid("a_unit_separator", " chunked\x1f"),
      {"disguised_name_with_a_blank",
       kPost + "Transfer-Encoding : chunked\r\n\r\n" + kEnd + kBehind,
       {bad_name("'Transfer-Encoding '")}},
      {"disguised_name_with_a_nul",
       kPost + "Transfer-Encoding\0: chunked\r\n\r\n"s + kEnd + kBehind,
       {bad_name("'Transfer-Encoding\\x00'")}},
      {"disguised_name_with_a_cr",
       kPost + "Transfer-Encoding\r: chunked\r\n\r\n" + kEnd + kBehind,
       {bad_name("'Transfer-Encoding\\r'")}},
      {"disguised_name_behind_a_bare_lf",
       kPost + "A: b\nTransfer-Encoding: chunked\r\n\r\n" + kEnd + kBehind,
       {kBareLineFeed}},
      {"disguised_name_behind_a_bare_cr",
       kPost + "A: b\rTransfer-Encoding: chunked\r\n\r\n" + kEnd + kBehind,
       {bad_header("'A'")}},
      {"disguised_name_with_a_dot_is_another",
       kPost + "Transfer.Encoding: chunked\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
      {"disguised_name_with_a_prefix_is_another",
       kPost + "X-Transfer-Encoding: chunked\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
      {"te_is_no_coding",
       kPost + "TE: chunked\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
  };
  return cases;
}

std::vector<Case> contradicting_lengths() {
  const auto refused = [](const std::string& name, const std::string& fields,
                          const std::string& event = kLengthFault) {
    return Case{"contradicting_" + name, kPost + fields + "\r\n\r\n" + kEnd + kBehind, {event}};
  };
  return {
      refused("zero_and_chunks", "Content-Length: 0\r\nTransfer-Encoding: chunked"),
      refused("chunks_and_zero", "Transfer-Encoding: chunked\r\nContent-Length: 0"),
      refused("chunks_and_two_equal",
              "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 5"),
      refused("right_length_and_chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
      refused("a_bad_length_and_chunks", "Content-Length: x\r\nTransfer-Encoding: chunked"),
      refused("a_length_and_identity", "Content-Length: 5\r\nTransfer-Encoding: identity",
              kCodingFault),
      refused("a_length_and_an_unknown_coding", "Content-Length: 5\r\nTransfer-Encoding: cow",
              "501 Unsupported transfer coding: 'cow'"),
      refused("a_length_and_a_coding_below",
              "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked"),
      refused("three_lengths", "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 5"),
      refused("a_length_and_an_empty_one", "Content-Length: 5\r\nContent-Length:"),
      refused("an_empty_one_and_a_length", "Content-Length:\r\nContent-Length: 5"),
      refused("two_spellings_of_one", "Content-Length: 5\r\nContent-Length: 05"),
      refused("a_list_of_two_equal", "Content-Length: 5,5"),
      refused("a_length_with_a_tab_inside", "Content-Length: 0\t5"),
      refused("a_length_with_a_comma_behind", "Content-Length: 5,"),
      refused("a_length_with_a_unit", "Content-Length: 5 bytes"),
      refused("a_length_in_octal", "Content-Length: 0o5"),
      refused("a_length_in_binary", "Content-Length: 0b101"),
      refused("a_length_with_an_exponent", "Content-Length: 5e0"),
      refused("a_length_in_quotes", "Content-Length: \"5\""),
      refused("a_wide_digit", "Content-Length: \xef\xbc\x95"),
      refused("two_to_the_63_and_more", "Content-Length: 99999999999999999999"),
      refused("a_length_behind_nbsp",
              "Content-Length: \xa0"
              "5"),
      refused("a_bare_cr_in_the_length", "Content-Length: 5\r6"),
      {"length_between_blanks",
       kPost + "Content-Length: \t 5 \t\r\n\r\n" + kEnd + kBehind,
       {"POST /p " + kEnd, "GET /smuggled"},
       "kept"},
  };
}

std::vector<Case> hosts() {
  const auto refused = [](const std::string& name, const std::string& value) {
    return Case{"host_" + name, kGet + "Host: " + value + "\r\n\r\n" + kBehind, {kHostFault}};
  };
  const auto accepted = [](const std::string& name, const std::string& value) {
    return Case{"host_" + name,
                kGet + "Host: " + value + "\r\n\r\n" + kBehind,
                {"GET /", "GET /smuggled"},
                "kept"};
  };
  return {
      accepted("name", "example.org"),
      accepted("in_capitals", "EXAMPLE.ORG:80"),
      accepted("address", "192.0.2.1"),
      accepted("v6_address", "[2001:db8::1]"),
      accepted("punycode", "xn--bcher-kva.example"),
      accepted("underscore", "a_b.example"),
      accepted("percent_encoded", "%e4.example"),
      accepted("sub_delimiters", "a!$&'()*+,;=b~"),
      accepted("of_forty_bytes", "a23456789.a23456789.a23456789.a2345.org"),
      refused("with_a_fragment", "a#b"),
      refused("with_a_query", "a?b"),
      refused("with_a_backslash", "a\\b"),
      refused("with_a_quote", "a\"b"),
      refused("with_brackets", "<a>"),
      refused("with_a_caret", "a^b"),
      refused("with_a_bar", "a|b"),
      refused("with_a_brace", "a{b}"),
      refused("with_a_backtick", "a`b"),
      refused("with_a_tab", "a\tb"),
      refused("with_obs_text",
              "b\xfc"
              "cher.example"),
      refused("as_a_url", "http://a/"),
      refused("far_behind", "a23456789.a23456789.a23456789/x"),
      {"host_twice_with_one_empty", kGet + "Host: a\r\nHost:\r\n\r\n" + kBehind, {kHostFault}},
      {"host_twice_with_the_first_empty",
       kGet + "Host:\r\nHost: a\r\n\r\n" + kBehind,
       {kHostFault}},
      {"host_in_the_target_and_another_one",
       "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
       {"GET http://a/"},
       "kept"},
      {"host_with_a_nul", kGet + "Host: a\0b\r\n\r\n"s + kBehind, {kHostFault}},
  };
}

std::vector<Case> line_ends() {
  const auto refused = [](const std::string& name, const std::string& bytes,
                          const std::string& event) {
    return Case{"line_end_" + name, bytes + kBehind, {event}};
  };
  const std::string size = "400 Invalid chunk size: ";
  const std::string end = "400 Invalid chunk terminator is not '\\r\\n': ";
  return {
      refused("all_bare", "GET / HTTP/1.1\nHost: x\n\n",
              "400 Invalid HTTP request line: 'bare LF as line terminator'"),
      refused("cr_for_the_line", "GET / HTTP/1.1\rHost: x\r\n\r\n",
              "400 Invalid HTTP Version: 'HTTP/1.1\\rHost: x'"),
      refused("lf_cr_for_the_line", "GET / HTTP/1.1\n\rHost: x\r\n\r\n",
              "400 Invalid HTTP request line: 'bare LF as line terminator'"),
      refused("lf_behind_the_last_field", kGet + "Host: x\n\r\n", kBareLineFeed),
      refused("lf_cr_lf_for_the_end", kGet + "Host: x\r\n\n\r\n", kBareLineFeed),
      refused("cr_cr_lf_for_the_end", kGet + "Host: x\r\n\r\r\n", bad_header("'\\r'")),
      refused("cr_before_the_name", kGet + "\rHost: x\r\n\r\n", bad_name("'\\rHost'")),
      refused("lf_in_a_chunk_line", kChunked + "1\na\r\n" + kEnd, size + "b'1\\n'"),
      refused("cr_in_a_chunk_line", kChunked + "1\ra\r\n" + kEnd, size + "b'1\\ra'"),
      refused("lf_behind_a_chunk", kChunked + "1\r\na\n" + kEnd, end + "b'\\n'"),
      refused("cr_behind_a_chunk", kChunked + "1\r\na\r" + kEnd, end + "b'\\r0'"),
      refused("two_bytes_behind_a_chunk", kChunked + "1\r\naXX" + kEnd, end + "b'X'"),
      refused("cr_cr_behind_a_chunk", kChunked + "1\r\na\r\r\n" + kEnd, end + "b'\\r\\r'"),
      refused("lf_in_the_last_chunk_line", kChunked + "0\n\r\n", size + "b'0\\n'"),
      refused("an_empty_chunk_line", kChunked + "1\r\na\r\n\r\n" + kEnd, size + "b''"),
      refused("cr_in_a_trailer", kChunked + "0\r\nA: b\rC: d\r\n\r\n", bad_header("'A'")),
      refused("nothing_but_lf_for_the_trailers_end", kChunked + "0\r\nA: b\r\n\n", kBareLineFeed),
  };
}

// The first that is at fault is the last that is looked at.
std::vector<Case> pipelines() {
  const auto good = [](int number) {
    return "GET /" + std::to_string(number) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  };
  const std::string post = "POST /2 HTTP/1.1\r\nHost: x\r\n";
  const auto stops = [&](const std::string& name, const std::string& second,
                         const std::string& event) {
    return Case{
        "pipeline_stops_at_" + name, good(1) + second + good(3) + good(4), {"GET /1", event}};
  };
  return {
      {"pipeline_of_five",
       good(1) + good(2) + good(3) + good(4) + good(5),
       {"GET /1", "GET /2", "GET /3", "GET /4", "GET /5"},
       "kept"},
      {"pipeline_with_bodies",
       post + "Content-Length: 3\r\n\r\nabc" + post +
           "Transfer-Encoding: chunked\r\n\r\n1\r\nd\r\n" + kEnd + good(3),
       {"POST /2 abc", "POST /2 d", "GET /3"},
       "kept"},
      stops("a_bad_line", "GET /2\r\nHost: x\r\n\r\n", "400 Invalid HTTP request line: 'GET /2'"),
      stops("a_bad_method", "G(T /2 HTTP/1.1\r\n\r\n", "400 Invalid HTTP method: 'G(T'"),
      stops("a_bad_version", "GET /2 HTTP/3.0\r\n\r\n", "505 Invalid HTTP Version: (3, 0)"),
      stops("a_bad_name", "GET /2 HTTP/1.1\r\nHo st: x\r\n\r\n", bad_name("'Ho st'")),
      stops("a_bad_value", "GET /2 HTTP/1.1\r\nA: \x01\r\n\r\n", bad_header("'A'")),
      stops("a_fold", "GET /2 HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "400 Obsolete line folding is unacceptable: 'A'"),
      stops("two_lengths", post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", kLengthFault),
      stops("both_framings",
            post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + kEnd, kLengthFault),
      stops("an_unknown_coding", post + "Transfer-Encoding: cow\r\n\r\n",
            "501 Unsupported transfer coding: 'cow'"),
      stops("a_bad_chunk", post + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
            "400 Invalid chunk size: b'ZZ'"),
      stops("a_bad_expectation", post + "Expect: tea\r\n\r\n",
            "417 Unable to comply with expectation: 'tea'"),
      stops("an_http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "400 Invalid HTTP request line: 'PRI * HTTP/2.0'"),
      stops("a_websocket_frame", "\x81\x05hello\r\n\r\n",
            "400 Invalid HTTP request line: '\\x81\\x05hello'"),
      {"proxy_is_a_field_like_others",
       "GET / HTTP/1.1\r\nProxy: http://192.0.2.1/\r\n\r\n" + good(2),
       {"GET /", "http HTTP/1.1 / ? ", "Proxy: http://192.0.2.1/", "GET /2", "http HTTP/1.1 /2 ? ",
        "Host: x"},
       "kept",
       [](Terms& terms) { terms.show_fields = true; }},
      {"pipeline_ends_with_a_closing_request",
       good(1) + "GET /2 HTTP/1.1\r\nConnection: close\r\n\r\n" + good(3),
       {"GET /1", "GET /2"}},
      {"pipeline_ends_with_http_1_0",
       good(1) + "GET /2 HTTP/1.0\r\n\r\n" + good(3),
       {"GET /1", "GET /2"}},
      {"pipeline_goes_on_behind_a_refused_websocket",
       "GET /1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" +
           good(2),
       {"GET /1", "GET /2"},
       "kept"},
  };
}

}  // namespace

std::vector<Case> hostile_cases() {
  std::vector<Case> all;
  for (auto part : {disguised_codings, contradicting_lengths, hosts, line_ends, pipelines}) {
    for (Case& each : part()) all.push_back(std::move(each));
  }
  return all;
}

}  // namespace winghorn::wire
