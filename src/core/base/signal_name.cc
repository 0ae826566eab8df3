// SPDX-License-Identifier: MIT
#include "core/base/signal_name.h"

#include <string.h>

namespace winghorn {

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(name);
}

}  // namespace winghorn
