// SPDX-License-Identifier: MIT
//
// uwsgi_packet_fuzz: any bytes of a gateway's, cut anywhere, must mean the same as when they arrive whole.
//
// Input: two bytes of circumstances (strictness, limits, trust, what happens at the end; how to cut), then the
// connection's bytes. Invariants: whole, cut, byte by byte and taken up by another session after each request give
// the same events, the same bytes back and the same end; what was refused is the last thing that happens; what
// the application is told is within the grammar, and a packet that was read reads the same again.
//
// Seeds are the wire cases: WINGHORN_SEEDS_TO=DIR fuzz_uwsgi_packet_fuzz writes them there and exits.
#include <cstdint>
#include <fstream>

#include "core/http/grammar.h"
#include "core/uwsgi/packet.h"
#include "require.h"
#include "seeds.h"
#include "wire/driver.h"
#include "wire/request_cases.h"

namespace {

using namespace winghorn;
using namespace winghorn::wire;

constexpr std::size_t kPrefix = 2;

Terms terms_of(unsigned flags) {
  Terms terms;
  terms.uwsgi = terms.show_fields = true;
  terms.strictness.conventional_method = (flags & 1U) == 0;
  terms.strictness.case_sensitive_method = (flags & 2U) == 0;
  terms.trusted_peer = (flags & 4U) != 0;
  terms.keepalive = (flags & 8U) == 0;
  if ((flags & 16U) != 0) {
    terms.limits.request_line_bytes = 40;
    terms.limits.header_fields = 3;
    terms.limits.header_field_bytes = 30;
    terms.limits.gateway_variables = 8;
  }
  terms.limits.body_memory_bytes = 1U << 20U;
  terms.limits.body_spill_bytes = 0;
  return terms;
}

// ---- one packet ----

void require_clean(const RequestHead& head) {
  require(is_token(head.method), "a method that is no token");
  require(!head.target.empty() && is_visible(head.target), "a target that is not visible");
  require(is_visible(head.version) && is_visible(head.query), "a word that is not visible");
  require(head.path.find('\0') == Bytes::npos, "NUL in the path");
  for (const Field& field : head.fields) {
    require(is_token(field.name) && is_field_value(field.value), "a field against the grammar");
    require(field.name.find('_') == Bytes::npos, "a field's name as CGI spells it");
  }
  for (const Field& variable : head.variables) {
    require(is_visible(variable.name) && !variable.name.empty(), "a name that is not visible");
    require(variable.name.find_first_of("=.") == Bytes::npos, "a key of the server's");
    require(variable.value.find('\0') == Bytes::npos, "NUL in a value");
  }
}

std::string text_of(const RequestHead& head) {
  std::string text;
  for (const Bytes part : {head.method, head.target, head.path, head.query, head.version,
                           head.scheme, head.request_start}) {
    text.append(part).append(1, '\n');
  }
  for (const auto* fields : {&head.fields, &head.variables}) {
    for (const Field& field : *fields) text.append(field.name).append(1, ':').append(field.value);
  }
  return text.append(std::to_string(head.content_length.value_or(0)));
}

void read_twice(const Terms& terms, Bytes bytes) {
  const uwsgi::PacketFormat format(terms.limits, terms.strictness);
  ConnectionInfo peer;
  peer.trusted_forwarder = terms.trusted_peer;
  if (bytes.empty()) return;
  const HeadFormat::Extent extent = format.extent(bytes, peer);
  if (extent.fault || extent.bytes == 0 || extent.bytes > bytes.size()) return;
  std::string kept(bytes.substr(0, extent.bytes));
  RequestHead head;
  RequestTraits traits;
  if (format.read(kept, peer, head, traits)) return;
  require_clean(head);
  std::string again = kept;
  RequestHead second;
  require(!format.read(again, peer, second, traits), "what was read is refused");
  require(again == kept && text_of(head) == text_of(second), "what was read reads differently");
}

// ---- a connection ----

struct Outcome {
  std::vector<std::string> events;
  std::string output;
  bool closed = false;

  bool operator==(const Outcome&) const = default;
};

template <class NextCut>
Outcome run(const Terms& terms, Bytes bytes, unsigned then, NextCut next_cut) {
  Driver driver(terms);
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), next_cut());
    driver.feed(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  if (then % 4 == 1) driver.end_input();
  if (then % 4 == 2) driver.expire(driver.session().patience());
  if (then % 4 == 3) driver.drain();
  require(driver.ahead_at_end == 0, "a byte of a reply was lost from the accounts");
  require(!driver.ran_behind_refusal, "something was run behind a refusal");
  require(driver.output.find("\r\nTransfer-Encoding:") == std::string::npos,
          "chunks for a gateway");
  return {driver.events, driver.output, driver.closed};
}

}  // namespace

void write_seeds(const std::string& folder) {
  std::size_t number = 0;
  for (const Case& each : uwsgi_cases()) {
    std::ofstream file(folder + "/wire_" + std::to_string(number++), std::ios::binary);
    const char prefix[kPrefix] = {0, 7};
    file.write(prefix, kPrefix);
    file.write(each.bytes.data(), static_cast<std::streamsize>(each.bytes.size()));
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix) return 0;
  Terms terms = terms_of(data[0]);
  const unsigned then = data[0] >> 5U;
  const Bytes bytes(reinterpret_cast<const char*>(data) + kPrefix, size - kPrefix);
  read_twice(terms, bytes);

  const auto all = [&] { return bytes.size(); };
  const Outcome whole = run(terms, bytes, then, all);
  require(whole == run(terms, bytes, then, [] { return std::size_t{1}; }), "single bytes differ");
  std::uint32_t state = data[1] * 2654435761U + 1;
  const auto some = [&state] {
    state = state * 1664525U + 1013904223U;
    return std::size_t{1} + (state >> 24U) % 40;
  };
  require(whole == run(terms, bytes, then, some), "the cuts change what it means");
  terms.handed_over = true;
  require(whole == run(terms, bytes, then, all), "another session takes it differently");
  return 0;
}
