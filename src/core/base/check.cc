// SPDX-License-Identifier: MIT
#include "core/base/check.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace winghorn {

void die_of_failed_check(const char* condition, const char* file, int line) noexcept {
  char text[512];
  const int length =
      std::snprintf(text, sizeof text, "winghorn: CHECK failed: %s at %s:%d (pid:%d)\n", condition,
                    file, line, static_cast<int>(::getpid()));
  // stderr by write: stdio may be what is broken.
  if (length > 0 && ::write(STDERR_FILENO, text, static_cast<std::size_t>(length)) < 0)
    std::abort();
  std::abort();
}

}  // namespace winghorn
