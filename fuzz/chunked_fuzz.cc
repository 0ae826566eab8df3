// SPDX-License-Identifier: MIT
//
// chunked_fuzz: the chunked coding comes off the same however it is cut, and every byte is accounted for.
//
// Input: one byte of circumstances (limits, folding, how to cut), then the coded bytes. Invariants: whole, single
// bytes and portions give the same result, the same body, the same refusal and stop at the same byte; what was
// taken for data is at most what has arrived; a body within its limit only.
#include <cstdint>
#include <fstream>
#include <string>

#include "core/http1/chunked_reader.h"
#include "require.h"
#include "seeds.h"
#include "support/limits.h"
#include "wire/request_cases.h"

namespace {

using namespace winghorn;
using http1::ChunkedReader;

struct Outcome {
  ChunkedReader::Result result = ChunkedReader::Result::More;
  std::string body;
  std::string refusal;
  std::size_t used = 0;  // not of a refusal: it may come early or late in its line

  bool operator==(const Outcome&) const = default;
};

Limits limits_of(unsigned flags) {
  Limits limits = wide_limits();
  limits.body_memory_bytes = 1U << 20U;
  if ((flags & 1U) != 0) {
    limits.chunk_line_bytes = 16;
    limits.chunk_overhead_bytes = 64;
    limits.header_fields = 3;
    limits.header_field_bytes = 30;
  }
  if ((flags & 2U) != 0) limits.request_body_bytes = 8;
  return limits;
}

Outcome read(unsigned flags, Bytes bytes, std::size_t portion) {
  const Limits limits = limits_of(flags);
  Strictness strictness;
  strictness.no_folding = (flags & 4U) == 0;
  const SpillPlace nowhere{};
  BodyPipe pipe;
  pipe.reset(limits, nowhere);
  ChunkedReader reader;
  reader.reset();
  Outcome outcome;
  for (std::size_t at = 0; at < bytes.size() && outcome.result == ChunkedReader::Result::More;) {
    Bytes next = bytes.substr(at, portion);
    const std::size_t offered = next.size();
    Refusal why;
    outcome.result = reader.feed(next, pipe, limits, strictness, why);
    outcome.refusal = why.log;
    at += offered - next.size();
    outcome.used = at;
    if (outcome.result == ChunkedReader::Result::More) {
      require(next.empty(), "bytes are left although there is room");
    }
  }
  if (outcome.result == ChunkedReader::Result::Refused) {
    outcome.used = 0;
    require(!outcome.refusal.empty(), "refused without a reason");
    for (const char c : outcome.refusal) require(c >= ' ' && c <= '~', "a control byte in the log");
  }
  require(pipe.received() <= limits.request_body_bytes, "more than the limit was taken");
  outcome.body.resize(static_cast<std::size_t>(pipe.available()));
  require(pipe.take(outcome.body.data(), outcome.body.size()) == outcome.body.size(),
          "the pipe gives less than it has");
  require(outcome.body.size() <= bytes.size(), "more data than has arrived");
  return outcome;
}

}  // namespace

void write_seeds(const std::string& folder) {
  std::size_t number = 0;
  for (const wire::Case& each : wire::framing_cases()) {
    const std::size_t body = each.bytes.find("chunked\r\n\r\n");
    if (body == std::string::npos) continue;
    std::ofstream file(folder + "/wire_" + std::to_string(number++), std::ios::binary);
    file << '\x38' << each.bytes.substr(body + 11);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned flags = data[0];
  const std::size_t portion = 1 + (flags >> 3U);
  const Bytes bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = read(flags, bytes, bytes.size() + 1);
  require(read(flags, bytes, 1) == whole, "single bytes mean something else");
  require(read(flags, bytes, portion) == whole, "portions mean something else");
  return 0;
}
