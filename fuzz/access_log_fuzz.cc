// SPDX-License-Identifier: MIT
//
// access_log_fuzz: whatever a request says, it leaves one line behind, and the line stays readable.
//
// Input: a format, a line end, then what came from outside, its values apart by NUL. Invariants: with a
// format of ours the line is printable ASCII with exactly the format's own quotes; with the format that
// came as input, if it compiles, what the values say adds no line.
//
// WINGHORN_SEEDS_TO=DIR fuzz_access_log_fuzz writes the seeds there and exits.
#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "core/log/access_log.h"
#include "require.h"
#include "seeds.h"

namespace {

using namespace winghorn;
using namespace winghorn::log;

constexpr const char* kFormats[] = {
    AccessFormat::kDefault.data(),
    R"(%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(D)s %(p)s)",
    R"("%(U)-20.5s" "%(q)r" "%({cookie}i)12s" "%({etag}o)s" "%({remote_user}e).3r" %(m)s %(H)s %(M)x)",
};

// Every field there is has the same text, so that each way into a line is tried.
struct OneText : FieldSource {
  explicit OneText(Bytes given) : text(given) {}
  Bytes request_header(Bytes) const override { return text; }
  Bytes reply_header(Bytes) const override { return text; }
  Bytes environ_value(Bytes) const override { return text; }
  Bytes text;
};

AccessRecord record_of(Bytes outside, const FieldSource& fields, Bytes last) {
  std::array<Bytes, 5> parts;
  for (Bytes& part : parts) {
    part = outside.substr(0, outside.find('\0'));
    outside.remove_prefix(std::min(outside.size(), part.size() + 1));
  }
  AccessRecord record;
  record.peer = parts[0];
  record.method = parts[1];
  record.target = parts[2];
  record.path = parts[2].substr(0, parts[2].find('?'));
  record.query = parts[3];
  record.version = parts[4];
  record.status = static_cast<int>(last.size() % 1000);
  record.body_bytes = last.size() * 0x9E3779B97F4A7C15U;
  record.took = Nanos(static_cast<std::int64_t>(record.body_bytes >> 1U));
  record.fields = &fields;
  return record;
}

std::string line(const AccessFormat& format, const AccessRecord& record) {
  std::string out;
  format.format(record, out);
  return out;
}

std::size_t own_quotes(Bytes line) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      ++count;
    }
  }
  return count;
}

void hold_our_formats(const AccessRecord& record) {
  for (const char* text : kFormats) {
    const auto format = AccessFormat::compile(text);
    require(static_cast<bool>(format), "a format of ours does not compile");
    const std::string whole = line(format.value(), record);
    require(whole.ends_with('\n'), "a line without an end");
    const Bytes shown = Bytes(whole).substr(0, whole.size() - 1);
    require(std::all_of(shown.begin(), shown.end(), [](char c) { return c >= ' ' && c <= '~'; }),
            "a byte that is not printable");
    require(own_quotes(shown) == own_quotes(text), "a value closes a quote or opens one");
  }
}

void hold_given_format(Bytes text, const AccessRecord& record) {
  const auto format = AccessFormat::compile(text);
  if (!format) return;
  const std::string whole = line(format.value(), record);
  const std::string bare = line(format.value(), AccessRecord{});
  require(
      std::count(whole.begin(), whole.end(), '\n') == std::count(bare.begin(), bare.end(), '\n'),
      "a value makes a line of its own");
}

}  // namespace

void write_seeds(const std::string& folder) {
  using namespace std::string_view_literals;
  constexpr std::array kValues = {
      "192.0.2.7\0GET\0/a%20b?x=1\0x=1\0HTTP/1.1\0a \"browser\""sv,
      "::1\0G\\T\0/%00%ff%2\0\n\0\0Basic dXNlcjpwYXNz"sv,
  };
  std::size_t number = 0;
  for (const char* format : kFormats) {
    for (const Bytes value : kValues) {
      std::ofstream file(folder + "/line_" + std::to_string(number++), std::ios::binary);
      file << format << '\n' << value;
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes all(reinterpret_cast<const char*>(data), size);
  const Bytes format = all.substr(0, all.find('\n'));
  const Bytes outside = all.substr(std::min(all.size(), format.size() + 1));
  const Bytes last = outside.substr(outside.rfind('\0') + 1);
  const OneText fields(last);
  const AccessRecord record = record_of(outside, fields, last);
  hold_our_formats(record);
  hold_given_format(format, record);
  return 0;
}
