// check.h: what must hold because we wrote it so; checked in release builds too.
//
// A failed CHECK is our own mistake: the process says where and dies, and the arbiter starts another
// worker. Bytes from outside never reach a CHECK: a peer's mistake is a Verdict, the machine's a Result.
// SPDX-License-Identifier: MIT
#pragma once

namespace winghorn {

[[noreturn]] void die_of_failed_check(const char* condition, const char* file, int line) noexcept;

}  // namespace winghorn

#define CHECK(condition)                  \
  (static_cast<bool>(condition) ? void(0) \
                                : ::winghorn::die_of_failed_check(#condition, __FILE__, __LINE__))
