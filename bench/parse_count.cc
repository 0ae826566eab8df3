// parse_count.cc: reads one request head many times, for a tool that counts instructions.
//
// What is counted is what a kept-alive connection pays for a head that arrives alone and in one piece:
// copying it to where it stays, and reading it. Run it twice with different counts: the difference has
// no start-up in it (tests/process/test_budgets.py).
//
//   parse_count small|browser TIMES
//
// SPDX-License-Identifier: MIT

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/http/head.h"
#include "core/http/header_policy.h"
#include "core/http/limits.h"
#include "core/http1/request_parser.h"
#include "heads.h"

namespace {

using winghorn::bench::kBrowser;
using winghorn::bench::kSmall;

// Header fields read in all, so that no compiler can leave the work out; -1 after a refusal.
long parse_many(std::string_view request, long times) {
  winghorn::Limits limits;
  limits.request_line_bytes = 4094;
  limits.header_fields = 100;
  limits.header_field_bytes = 8190;
  const winghorn::Strictness strictness;
  const winghorn::HeaderPolicy policy;
  const winghorn::http1::ParseRules rules{limits, strictness, policy};
  winghorn::RequestHead head;
  std::string bytes;
  long fields = 0;
  for (long i = 0; i < times; ++i) {
    winghorn::RequestTraits traits;
    if (!winghorn::http1::may_be_lone_head(request, rules)) return -1;
    winghorn::http1::keep_head(request, bytes);
    head.clear();
    if (winghorn::http1::parse_request_head(bytes, rules, false, head, traits)) return -1;
    fields += static_cast<long>(head.fields.size());
  }
  return fields;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind != "small" && kind != "browser") {
    std::fputs("usage: parse_count small|browser TIMES\n", stderr);
    return 2;
  }
  const long times = std::strtol(argv[2], nullptr, 10);
  const long fields = parse_many(kind == "small" ? kSmall : kBrowser, times);
  std::printf("%ld fields in %ld heads\n", fields, times);
  return fields == times * (kind == "small" ? 1 : 18) ? 0 : 1;
}
