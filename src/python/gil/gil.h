// gil.h: the interpreter lock as a value.
//
// A function that touches Python objects takes a `const Gil&`, so that nobody calls it without the
// lock and the region that holds it can be seen. The token is made in two places only: by
// SlotThread, which takes and lets go of the lock, and by held(), for functions that the
// interpreter calls.
// SPDX-License-Identifier: MIT
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace winghorn::gil {

class Gil {
 public:
  Gil(const Gil&) = delete;
  Gil& operator=(const Gil&) = delete;

  // For a function called by the interpreter: it holds the lock for the length of the call.
  static const Gil& held() noexcept { return token; }

 private:
  constexpr Gil() = default;
  static const Gil token;
};

inline const Gil Gil::token{};

}  // namespace winghorn::gil
