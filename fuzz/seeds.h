// seeds.h: a fuzz target that writes what it begins with.
//
// With WINGHORN_SEEDS_TO it writes its seeds into that folder and ends; otherwise it fuzzes. Included by the
// one source file of a target, which says what the seeds are.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string>

void write_seeds(const std::string& folder);

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  if (const char* folder = std::getenv("WINGHORN_SEEDS_TO")) {
    write_seeds(folder);
    std::exit(0);
  }
  return 0;
}
