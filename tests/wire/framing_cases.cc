// SPDX-License-Identifier: MIT
#include "wire/request_cases.h"

namespace winghorn::wire {
namespace {

using namespace std::string_literals;

const std::string kBehind = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kPost = "POST /p HTTP/1.1\r\nHost: x\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kLengthFault = "400 Invalid HTTP Header: 'CONTENT-LENGTH'";
const std::string kCodingFault = "400 Invalid HTTP Header: 'TRANSFER-ENCODING'";

void small_body(Terms& terms) {
  terms.limits.body_memory_bytes = 4;
  terms.limits.body_spill_bytes = 0;
}
void tight_chunks(Terms& terms) {
  terms.limits.chunk_line_bytes = 16;
  terms.limits.chunk_overhead_bytes = 64;
}
void tight_trailers(Terms& terms) {
  terms.limits.header_fields = 3;
  terms.limits.header_field_bytes = 40;
}
void folding(Terms& terms) { terms.strictness.no_folding = false; }

std::vector<Case> lengths() {
  const auto refused = [](const std::string& value, const std::string& name) {
    return Case{"length_" + name,
                kPost + "Content-Length: " + value + "\r\n\r\nabc" + kBehind,
                {kLengthFault}};
  };
  return {
      {"body_of_a_length",
       kPost + "Content-Length: 3\r\n\r\nabc" + kBehind,
       {"POST /p abc", "GET /smuggled"},
       "kept"},
      {"get_with_body",
       "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + kBehind,
       {"GET / abc", "GET /smuggled"},
       "kept"},
      {"request_inside_of_a_body",
       "DELETE / HTTP/1.1\r\nContent-Length: " + std::to_string(kBehind.size()) + "\r\n\r\n" +
           kBehind,
       {"DELETE / " + kBehind},
       "kept"},
      {"length_zero",
       kPost + "Content-Length: 0\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
      {"length_with_zeros_is_decimal",
       kPost + "Content-Length: 010\r\n\r\n0123456789" + kBehind,
       {"POST /p 0123456789", "GET /smuggled"},
       "kept"},
      {"length_with_many_zeros",
       kPost + "Content-Length: " + std::string(100, '0') + "1\r\n\r\na",
       {"POST /p a"},
       "kept"},
      refused("+3", "plus"),
      refused("-1", "minus"),
      refused("-0", "minus_zero"),
      refused("0_1", "underscore"),
      refused("0x3", "hexadecimal"),
      refused("3Z", "text_behind"),
      refused("abc", "text"),
      refused("", "empty"),
      refused("3 1", "space_inside"),
      refused("3, 3", "list"),
      refused("3;a", "parameter"),
      refused("\xb2", "superscript_digit"),
      refused("\xd9\xa3", "arabic_digit"),
      refused("3.0", "fraction"),
      refused("18446744073709551616", "two_to_the_64"),
      refused("99999999999999999999999", "overflow"),
      {"length_with_nul", kPost + "Content-Length: 3\0\r\n\r\nabc"s, {kLengthFault}},
      {"same_length_twice",
       kPost + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + kBehind,
       {kLengthFault}},
      {"two_lengths",
       kPost + "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabcd" + kBehind,
       {kLengthFault}},
      {"length_with_underscore_is_no_length",
       kPost + "Content_Length: 3\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
      {"truncated_body",
       kPost + "Content-Length: 10\r\n\r\nabc",
       {"400 Request body ended after 3 of 10 bytes"},
       "closed",
       nullptr,
       Then::EndOfInput},
      {"body_too_slow",
       kPost + "Content-Length: 10\r\n\r\nabc",
       {"408 Request body not received in time"},
       "closed",
       nullptr,
       Then::BodyClock},
      {"body_through_a_small_pipe",
       kPost + "Content-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz" + kBehind,
       {"POST /p abcdefghijklmnopqrstuvwxyz", "GET /smuggled"},
       "kept",
       small_body},
      {"truncated_behind_a_full_pipe",
       kPost + "Content-Length: 10\r\n\r\nabcdefg",
       {"POST /p abcdefg !Truncated: Request body ended after 7 of 10 bytes"},
       "closed",
       small_body,
       Then::EndOfInput},
      {"chunks_through_a_small_pipe",
       kChunked + "a\r\n0123456789\r\n0\r\n\r\n" + kBehind,
       {"POST /p 0123456789", "GET /smuggled"},
       "kept",
       small_body},
      {"malformed_behind_a_full_pipe",
       kChunked + "a\r\n0123456789\r\nZZ\r\n" + kBehind,
       {"POST /p 0123456789 !Malformed: Invalid chunk size: b'ZZ'"},
       "closed",
       small_body},
  };
}

std::vector<Case> codings() {
  const auto refused = [](const std::string& value, const std::string& fault) {
    return Case{"coding_" + value,
                kPost + "Transfer-Encoding: " + value + "\r\n\r\n0\r\n\r\n" + kBehind,
                {fault}};
  };
  const auto unsupported = [](const std::string& repr) {
    return "501 Unsupported transfer coding: '" + repr + "'";
  };
  return {
      {"chunked",
       kChunked + "3\r\nabc\r\n0\r\n\r\n" + kBehind,
       {"POST /p abc", "GET /smuggled"},
       "kept"},
      {"chunked_in_capitals",
       kPost + "TRANSFER-ENCODING: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n",
       {"POST /p a"},
       "kept"},
      {"identity_before_chunked",
       kPost + "Transfer-Encoding: identity, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
       {"POST /p a"},
       "kept"},
      {"gzip_before_chunked",
       kPost + "Transfer-Encoding: gzip,chunked\r\n\r\n1\r\na\r\n0\r\n\r\n" + kBehind,
       {"POST /p a"}},
      {"codings_in_two_fields",
       kPost +
           "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
       {"POST /p a"},
       "kept"},
      {"length_and_chunked",
       kPost + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kBehind,
       {kLengthFault}},
      {"chunked_and_length",
       kPost + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n" + kBehind,
       {kLengthFault}},
      {"length_and_identity",
       kPost + "Content-Length: 3\r\nTransfer-Encoding: identity\r\n\r\nabc" + kBehind,
       {kCodingFault}},
      refused("chunked, identity", kCodingFault),
      refused("chunked, gzip", kCodingFault),
      refused("chunked, chunked", kCodingFault),
      refused("gzip", kCodingFault),
      refused("identity", kCodingFault),
      refused("cow", unsupported("cow")),
      refused("chunked, cow", unsupported("chunked, cow")),
      refused(",chunked", unsupported(",chunked")),
      refused("chunked,", unsupported("chunked,")),
      refused("", unsupported("")),
      refused("\"chunked\"", unsupported("\"chunked\"")),
      refused("chunked;a=b", unsupported("chunked;a=b")),
      refused("chun ked", unsupported("chun ked")),
      refused("\xa0"
              "chunked",
              unsupported("\\xa0chunked")),
      refused("\x85"
              "chunked",
              unsupported("\\x85chunked")),
      refused("chunke\xe4", unsupported("chunke\\xe4")),
      refused("\x0b"
              "chunked",
              kCodingFault),
      refused("\x0c"
              "chunked",
              kCodingFault),
      {"chunked_twice_in_two_fields",
       kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
           kBehind,
       {kCodingFault}},
      {"chunked_in_http_1_0",
       "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kBehind,
       {kCodingFault}},
      {"coding_with_underscore_is_no_coding",
       kPost + "Transfer_Encoding: chunked\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
  };
}

std::vector<Case> chunks() {
  const auto size_fault = [](const std::string& size, const std::string& repr) {
    return Case{"chunk_size_" + repr,
                kChunked + size + "\r\nabcde\r\n0\r\n\r\n" + kBehind,
                {"400 Invalid chunk size: " + repr}};
  };
  const auto accepted = [](const std::string& name, const std::string& line) {
    return Case{"chunk_" + name,
                kChunked + line + "\r\nabcde\r\n0\r\n\r\n" + kBehind,
                {"POST /p abcde", "GET /smuggled"},
                "kept"};
  };
  const auto extension_fault = [](const std::string& name, const std::string& extension) {
    return Case{"extension_" + name,
                kChunked + "5" + extension + "\r\nabcde\r\n0\r\n\r\n" + kBehind,
                {"400 Invalid chunk extension: invalid chunk extension"}};
  };
  const auto end_fault = [](const std::string& instead, const std::string& repr) {
    return Case{"chunk_end_" + repr,
                kChunked + "5\r\nabcde" + instead + "0\r\n\r\n" + kBehind,
                {"400 Invalid chunk terminator is not '\\r\\n': " + repr}};
  };
  return {
      accepted("leading_zeros", "000000000000000000000005"),
      accepted("extension", "5;a=b"),
      accepted("extensions", "5 ;\ta = b ; c; d=\"e;\\\" f\xff\" "),
      {"capital_hexadecimal",
       kChunked + "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
       {"POST /p 01234567890123456789"},
       "kept"},
      {"last_chunk_with_extension",
       kChunked + "0;a=b\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
      {"last_chunk_of_many_zeros",
       kChunked + "0000\r\n\r\n" + kBehind,
       {"POST /p", "GET /smuggled"},
       "kept"},
      size_fault("0x5", "b'0x5'"),
      size_fault("+5", "b'+5'"),
      size_fault("-5", "b'-5'"),
      size_fault("6_0", "b'6_0'"),
      size_fault(" 5", "b' 5'"),
      size_fault("5 ", "b'5 '"),
      size_fault("", "b''"),
      size_fault("5g", "b'5g'"),
      size_fault("\xb5", "b'\\xb5'"),
      size_fault("5\r", "b'5\\r'"),
      size_fault("10000000000000005", "b'10000000000000005'"),
      size_fault("FFFFFFFFFFFFFFFFFFFFFFF5", "b'FFFFFFFFFFFFFFFFFFFFFFF5'"),
      size_fault("5\0"s, "b'5\\x00'"),
      {"chunk_size_empty_with_extension",
       kChunked + ";a\r\nabcde\r\n0\r\n\r\n",
       {"400 Invalid chunk size: b''"}},
      {"chunk_line_with_bare_lf",
       kChunked + "5\nabcde\r\n0\r\n\r\n" + kBehind,
       {"400 Invalid chunk size: b'5\\n'"}},
      {"extension_with_bare_lf",
       kChunked + "5;a\nabcde\r\n0\r\n\r\n" + kBehind,
       {"400 Invalid chunk extension: invalid chunk extension"}},
      {"extension_with_bare_cr",
       kChunked + "5;a\rb\r\nabcde\r\n0\r\n\r\n" + kBehind,
       {"400 Invalid chunk extension: bare CR not allowed"}},
      extension_fault("empty", ";"),
      extension_fault("empty_value", ";a="),
      extension_fault("empty_name", ";=b"),
      extension_fault("open_quote", ";a=\"b"),
      extension_fault("escape_at_the_end", ";a=\"b\\"),
      extension_fault("two_values", ";a=b c"),
      extension_fault("control", ";a\x01"),
      extension_fault("control_in_quotes", ";a=\"\x7f\""),
      extension_fault("text_behind_quotes", ";a=\"b\"c"),
      end_fault("??", "b'?'"),
      end_fault("\n", "b'\\n'"),
      end_fault("\rX", "b'\\rX'"),
      end_fault("fg\r\n", "b'f'"),
      {"chunk_line_at_the_limit",
       kChunked + "1;" + std::string(14, 'a') + "\r\nb\r\n0\r\n\r\n",
       {"POST /p b"},
       "kept",
       tight_chunks},
      {"chunk_line_over_the_limit",
       kChunked + "1;" + std::string(15, 'a') + "\r\nb\r\n0\r\n\r\n",
       {"400 Invalid chunk size: b'line over 16 bytes with no terminator'"},
       "closed",
       tight_chunks},
      {"endless_chunk_line",
       kChunked + "1;" + std::string(400, 'a'),
       {"400 Invalid chunk size: b'line over 16 bytes with no terminator'"},
       "closed",
       tight_chunks},
      {"many_small_chunks_with_extensions",
       kChunked +
           [] {
             std::string text;
             for (int i = 0; i < 60; ++i) text += "1;aaaaaaaaaa\r\nb\r\n";
             return text;
           }() +
           kBehind,
       {"400 Invalid chunk extension: chunk framing outweighs the data"},
       "closed",
       tight_chunks},
      {"many_small_chunks",
       kChunked +
           [] {
             std::string text;
             for (int i = 0; i < 60; ++i) text += "1\r\nb\r\n";
             return text;
           }() +
           "0\r\n\r\n" + kBehind,
       {"POST /p " + std::string(60, 'b'), "GET /smuggled"},
       "kept",
       tight_chunks},
      {"end_inside_of_chunks",
       kChunked + "5\r\nab",
       {"400 Invalid chunk terminator is not '\\r\\n': b''"},
       "closed",
       nullptr,
       Then::EndOfInput},
      {"last_chunk_without_its_end",
       kChunked + "1\r\na\r\n0\r\n",
       {"400 Invalid chunk terminator is not '\\r\\n': b''"},
       "closed",
       nullptr,
       Then::EndOfInput},
      {"chunks_too_slow",
       kChunked + "5\r\nab",
       {"408 Request body not received in time"},
       "closed",
       nullptr,
       Then::BodyClock},
  };
}

std::vector<Case> trailers() {
  const auto forbidden = [](const std::string& name) {
    return Case{"trailer_" + name,
                kChunked + "0\r\n" + name + ": 9\r\n\r\n" + kBehind,
                {"400 Invalid HTTP header name: '" + name + "'"}};
  };
  return {
      {"trailers_are_dropped",
       kChunked + "1\r\na\r\n0\r\nVary: *\r\nX-Sum: 1\r\n\r\n" + kBehind,
       {"POST /p a", "GET /smuggled"},
       "kept"},
      {"trailer_with_underscore", kChunked + "0\r\na_b: c\r\n\r\n", {"POST /p"}, "kept"},
      forbidden("Host"),
      forbidden("Content-Length"),
      forbidden("TRANSFER-ENCODING"),
      forbidden("Trailer"),
      forbidden("authorization"),
      forbidden("TE"),
      {"trailer_without_colon",
       kChunked + "0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
       {"400 Invalid HTTP Header: 'GET /smuggled HTTP/1.1'"}},
      {"trailer_with_space",
       kChunked + "0\r\na b: c\r\n\r\n",
       {"400 Invalid HTTP header name: 'a b'"}},
      {"trailer_with_control",
       kChunked + "0\r\na: b\x01\r\n\r\n",
       {"400 Invalid HTTP Header: 'A'"}},
      {"trailer_with_bare_lf",
       kChunked + "0\r\na: b\n\r\n" + kBehind,
       {"400 Invalid HTTP Header: 'bare LF as line terminator'"}},
      {"bare_lf_after_last_chunk",
       kChunked + "0\r\n\n" + kBehind,
       {"400 Invalid HTTP Header: 'bare LF as line terminator'"}},
      {"cr_x_after_last_chunk", kChunked + "0\r\n\rX\r\n\r\n", {"400 Invalid HTTP Header: '\\rX'"}},
      {"folded_trailer",
       kChunked + "0\r\na: b\r\n c\r\n\r\n",
       {"400 Obsolete line folding is unacceptable: 'A'"}},
      {"folded_trailer_permitted",
       kChunked + "0\r\na: b\r\n c\r\n\r\n",
       {"POST /p"},
       "kept",
       folding},
      {"too_many_trailers",
       kChunked + "0\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n",
       {"431 limit request headers fields"},
       "closed",
       tight_trailers},
      {"long_trailer",
       kChunked + "0\r\na: " + std::string(60, 'b') + "\r\n\r\n",
       {"431 limit request headers fields size"},
       "closed",
       tight_trailers},
      {"endless_folded_trailer",
       kChunked + "0\r\na: b\r\n" +
           [] {
             std::string text;
             for (int i = 0; i < 30; ++i) text += " cccccccc\r\n";
             return text;
           }(),
       {"431 limit request trailer section size"},
       "closed",
       [](Terms& terms) {
         tight_trailers(terms);
         folding(terms);
       }},
  };
}

}  // namespace

std::vector<Case> framing_cases() {
  std::vector<Case> all;
  for (auto part : {lengths, codings, chunks, trailers}) {
    for (Case& each : part()) all.push_back(std::move(each));
  }
  return all;
}

}  // namespace winghorn::wire
