// require.h: what a fuzz target says before it dies of a broken invariant.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "invariant broken: %s\n", what);
  std::abort();
}
