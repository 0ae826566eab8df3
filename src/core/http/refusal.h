// refusal.h: why a request is turned away, in the words that gunicorn's users grep for.
//
// The texts are gunicorn's to the letter (parity: error responses); what a peer sent is quoted in them
// as Python's repr() would, so no control byte ever leaves here. `page` is for the client (Latin-1, to be
// escaped for HTML), `log` for the log line and for the application (ASCII only). All functions are cold.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/bytes.h"

namespace winghorn {

struct Refusal {
  int status = 0;
  std::string page;
  std::string log;
};

using Fault = std::optional<Refusal>;

// How Python shows a str whose characters are these bytes (Latin-1), and a bytes object.
std::string python_text(Bytes bytes);
std::string python_bytes(Bytes bytes);

[[gnu::cold]] Refusal invalid_request_line(Bytes line);
[[gnu::cold]] Refusal request_line_too_large(std::size_t bytes, std::size_t limit);
[[gnu::cold]] Refusal invalid_method(Bytes method);
[[gnu::cold]] Refusal invalid_version(Bytes version);         // not of the form HTTP/d.d
[[gnu::cold]] Refusal invalid_version(int major, int minor);  // of the form, but not spoken here
[[gnu::cold]] Refusal invalid_header(Bytes what);  // a whole line, or a name in upper case
[[gnu::cold]] Refusal invalid_header_name(Bytes name);
[[gnu::cold]] Refusal missing_host();
[[gnu::cold]] Refusal obsolete_folding(Bytes upper_case_name);
[[gnu::cold]] Refusal header_limit(Bytes which);
[[gnu::cold]] Refusal unsupported_coding(Bytes value);
[[gnu::cold]] Refusal expectation_failed(Bytes value);
[[gnu::cold]] Refusal contradictory_schemes();
[[gnu::cold]] Refusal invalid_proxy_line(Bytes line);
[[gnu::cold]] Refusal invalid_proxy_header(const std::string& why);
[[gnu::cold]] Refusal proxy_not_allowed(Bytes peer_address);
[[gnu::cold]] Refusal invalid_chunk_size(Bytes size);
[[gnu::cold]] Refusal chunk_line_too_long(std::size_t limit);
[[gnu::cold]] Refusal invalid_chunk_extension(bool bare_cr);
[[gnu::cold]] Refusal chunk_overhead();
[[gnu::cold]] Refusal missing_chunk_terminator(Bytes instead);
[[gnu::cold]] Refusal body_too_short(std::uint64_t received, std::uint64_t announced);
[[gnu::cold]] Refusal body_too_large(std::uint64_t announced, std::uint64_t limit);
[[gnu::cold]] Refusal chunks_too_large(std::uint64_t limit);
[[gnu::cold]] Refusal head_too_slow();
[[gnu::cold]] Refusal body_too_slow();
[[gnu::cold]] Refusal no_space_for_body();

constexpr Bytes kBareLineFeed = "bare LF as line terminator";
constexpr Bytes kTooManyFields = "limit request headers fields";
constexpr Bytes kFieldTooLarge = "limit request headers fields size";
constexpr Bytes kHeadTooLarge = "max buffer headers";
constexpr Bytes kTrailersTooLarge = "limit request trailer section size";

}  // namespace winghorn
