// signal_name.h: signals as people write them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace winghorn {

// "SIGHUP"; "signal 64" for one without a name.
std::string signal_name(int signal);

}  // namespace winghorn
