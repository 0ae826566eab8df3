// SPDX-License-Identifier: MIT
//
// http1_fuzz: any bytes, cut anywhere, must mean the same as when they arrive whole.
//
// Input: four bytes of circumstances (strictness, limits, trust, what happens at the end; how to cut),
// then the connection's bytes. Invariants: whole, cut and byte by byte give the same events, the same
// bytes back and the same end; every byte of a reply is accounted for; nothing is left open; a refusal
// is the last thing that happens.
//
// Seeds are the wire cases: WINGHORN_SEEDS_TO=DIR fuzz_http1_fuzz writes them there and exits.
#include <cstdint>
#include <fstream>

#include "core/http/grammar.h"
#include "require.h"
#include "seeds.h"
#include "wire/driver.h"
#include "wire/request_cases.h"

namespace {

using namespace winghorn;
using namespace winghorn::wire;

constexpr std::size_t kPrefix = 4;

// When the body fills its pipe the application begins before the end: who answers a fault that comes
// later then depends on the cuts, rightly.
bool small_pipe(const std::uint8_t* prefix) { return (prefix[1] & 8U) != 0; }

Terms terms_of(const std::uint8_t* prefix) {
  Terms terms;
  const unsigned flags = prefix[0];
  terms.strictness.no_folding = (flags & 1U) == 0;
  terms.strictness.no_space_before_colon = (flags & 2U) == 0;
  terms.strictness.conventional_method = (flags & 4U) == 0;
  terms.strictness.conventional_version = (flags & 8U) == 0;
  terms.strictness.case_sensitive_method = (flags & 16U) == 0;
  terms.trusted_peer = (flags & 32U) != 0;
  terms.keepalive = (flags & 64U) == 0;
  terms.show_fields = true;
  const unsigned more = prefix[1];
  terms.policy.header_map = static_cast<HeaderMap>(more % 3);
  if ((more & 4U) != 0) {
    terms.limits.request_line_bytes = 40;
    terms.limits.header_fields = 3;
    terms.limits.header_field_bytes = 30;
    terms.limits.chunk_line_bytes = 16;
    terms.limits.chunk_overhead_bytes = 64;
  }
  terms.limits.body_memory_bytes = small_pipe(prefix) ? 8 : 1U << 20U;
  terms.limits.body_spill_bytes = 0;
  return terms;
}

struct Outcome {
  std::vector<std::string> events;
  std::string output;
  bool closed = false;
};

// The length of a refused line may depend on the cuts; the page that tells it is as long as its digits.
void blank_line_length(std::string& text) {
  const std::size_t at = text.find("Request Line is too large (");
  if (at == std::string::npos) return;
  text.erase(at);
  const std::size_t length = text.rfind("Content-Length: ");
  if (length != std::string::npos) text.erase(length);
}

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
  if (driver.closed) require(driver.running() == nullptr, "closed with a request still running");
  Outcome outcome{driver.events, driver.output, driver.closed};
  for (std::string& event : outcome.events) blank_line_length(event);
  blank_line_length(outcome.output);
  return outcome;
}

void require_same(const Outcome& one, const Outcome& other) {
  require(one.events == other.events, "the cuts changed what the application saw");
  require(one.output == other.output, "the cuts changed what the peer got");
  require(one.closed == other.closed, "the cuts changed what became of the connection");
}

// Whether a client's body comes along or waits for 100 is a matter of time, so outcomes may differ.
bool mentions_continue(Bytes bytes) {
  std::string lower(bytes);
  for (char& c : lower) c = lower_case(c);
  return lower.find("100-continue") != std::string::npos;
}

}  // namespace

void write_seeds(const std::string& folder) {
  std::size_t number = 0;
  for (auto cases : {grammar_cases, framing_cases, policy_cases, body_limit_cases, hostile_cases}) {
    for (const Case& each : cases()) {
      std::ofstream file(folder + "/wire_" + std::to_string(number++), std::ios::binary);
      const char prefix[kPrefix] = {0, static_cast<char>(each.end == "kept" ? 0 : 4), 3, 7};
      file.write(prefix, kPrefix);
      file.write(each.bytes.data(), static_cast<std::streamsize>(each.bytes.size()));
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kPrefix) return 0;
  const Terms terms = terms_of(data);
  const unsigned then = data[1] >> 4U;
  const std::uint32_t seed = data[2] + 256U * data[3];
  const Bytes bytes(reinterpret_cast<const char*>(data) + kPrefix, size - kPrefix);

  const Outcome whole = run(terms, bytes, then, [&] { return bytes.size(); });
  const Outcome single = run(terms, bytes, then, [] { return std::size_t{1}; });
  std::uint32_t state = seed * 2654435761U + 1;
  const Outcome cut = run(terms, bytes, then, [&] {
    state = state * 1664525U + 1013904223U;
    return std::size_t{1} + (state >> 24U) % 40;
  });
  if (mentions_continue(bytes) || small_pipe(data)) return 0;
  require_same(whole, single);
  require_same(whole, cut);
  return 0;
}
