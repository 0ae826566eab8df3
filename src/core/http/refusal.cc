// SPDX-License-Identifier: MIT
#include "core/http/refusal.h"

namespace winghorn {
namespace {

void put_hex_escape(std::string& text, unsigned char byte) {
  constexpr Bytes kDigits = "0123456789abcdef";
  text += "\\x";
  text += kDigits[byte >> 4U];
  text += kDigits[byte & 15U];
}

bool printable_ascii(unsigned char byte) { return byte >= 0x20 && byte < 0x7F; }
// What Python's str.isprintable() says of U+0000 to U+00FF.
bool printable_latin1(unsigned char byte) {
  return printable_ascii(byte) || (byte > 0xA0 && byte != 0xAD);
}

std::string quoted(Bytes bytes, bool (*printable)(unsigned char)) {
  const bool single = bytes.find('\'') == Bytes::npos || bytes.find('"') != Bytes::npos;
  const char quote = single ? '\'' : '"';
  std::string text(1, quote);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (printable(byte)) {
      text += c;
    } else {
      put_hex_escape(text, byte);
    }
  }
  return text += quote;
}

std::string ascii_only(Bytes text) {
  std::string out;
  for (const char c : text) {
    if (printable_ascii(static_cast<unsigned char>(c))) {
      out += c;
    } else {
      put_hex_escape(out, static_cast<unsigned char>(c));
    }
  }
  return out;
}

// The page says what the log says, inside of another sentence or alone.
Refusal refusal(int status, const std::string& text) { return {status, text, ascii_only(text)}; }
Refusal refusal(int status, Bytes sentence, const std::string& text) {
  Refusal made = refusal(status, text);
  made.page = std::string(sentence) + " '" + text + "'";
  return made;
}

}  // namespace

std::string python_text(Bytes bytes) { return quoted(bytes, printable_latin1); }
std::string python_bytes(Bytes bytes) { return "b" + quoted(bytes, printable_ascii); }

Refusal invalid_request_line(Bytes line) {
  return refusal(400, "Invalid Request Line", "Invalid HTTP request line: " + python_text(line));
}

Refusal request_line_too_large(std::size_t bytes, std::size_t limit) {
  return refusal(414, "Request Line is too large (" + std::to_string(bytes) + " > " +
                          std::to_string(limit) + ")");
}

Refusal invalid_method(Bytes method) {
  return refusal(400, "Invalid Method", "Invalid HTTP method: " + python_text(method));
}

Refusal invalid_version(Bytes version) {
  return refusal(400, "Invalid HTTP Version", "Invalid HTTP Version: " + python_text(version));
}

Refusal invalid_version(int major, int minor) {
  return refusal(
      505, "Invalid HTTP Version",
      "Invalid HTTP Version: (" + std::to_string(major) + ", " + std::to_string(minor) + ")");
}

Refusal invalid_header(Bytes what) {
  return refusal(400, "Invalid HTTP Header: " + python_text(what));
}

Refusal invalid_header_name(Bytes name) {
  return refusal(400, "Invalid HTTP header name: " + python_text(name));
}

Refusal missing_host() { return refusal(400, "Missing HTTP Header: 'HOST'"); }

Refusal obsolete_folding(Bytes upper_case_name) {
  return refusal(400, "Obsolete line folding is unacceptable: " + python_text(upper_case_name));
}

Refusal header_limit(Bytes which) {
  return refusal(431, "Error parsing headers:", std::string(which));
}

Refusal unsupported_coding(Bytes value) {
  return refusal(501, "Unsupported transfer coding: " + python_text(value));
}

Refusal expectation_failed(Bytes value) {
  return refusal(417, "Unable to comply with expectation: " + python_text(value));
}

Refusal contradictory_schemes() { return refusal(400, "Contradictory scheme headers"); }

Refusal invalid_proxy_line(Bytes line) {
  Refusal made = refusal(400, "Invalid PROXY line: " + python_text(line));
  made.page = "'" + made.page + "'";
  return made;
}

Refusal invalid_proxy_header(const std::string& why) {
  return refusal(400, "Invalid PROXY header: " + why);
}

Refusal proxy_not_allowed(Bytes peer_address) {
  return {403, "Request forbidden",
          "Proxy request from " + python_text(peer_address) + " not allowed"};
}

Refusal invalid_chunk_size(Bytes size) {
  return refusal(400, "Invalid chunk size: " + python_bytes(size));
}

Refusal chunk_line_too_long(std::size_t limit) {
  return invalid_chunk_size("line over " + std::to_string(limit) + " bytes with no terminator");
}

Refusal invalid_chunk_extension(bool bare_cr) {
  return refusal(400, bare_cr ? "Invalid chunk extension: bare CR not allowed"
                              : "Invalid chunk extension: invalid chunk extension");
}

Refusal chunk_overhead() {
  return refusal(400, "Invalid chunk extension: chunk framing outweighs the data");
}

Refusal missing_chunk_terminator(Bytes instead) {
  return refusal(400, "Invalid chunk terminator is not '\\r\\n': " + python_bytes(instead));
}

Refusal body_too_short(std::uint64_t received, std::uint64_t announced) {
  return refusal(400, "Request body ended after " + std::to_string(received) + " of " +
                          std::to_string(announced) + " bytes");
}

Refusal body_too_large(std::uint64_t announced, std::uint64_t limit) {
  return refusal(413, "Request body is too large (" + std::to_string(announced) + " > " +
                          std::to_string(limit) + ")");
}

Refusal chunks_too_large(std::uint64_t limit) {
  return refusal(413, "Request body is too large (> " + std::to_string(limit) + ")");
}

Refusal head_too_slow() { return refusal(408, "Request head not received in time"); }
Refusal body_too_slow() { return refusal(408, "Request body not received in time"); }
Refusal no_space_for_body() { return refusal(507, "No space to keep the request body"); }

}  // namespace winghorn
