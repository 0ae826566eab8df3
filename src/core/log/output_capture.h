// output_capture.h: standard output and error of this process as a part of the error log's file.
//
// What is forked later inherits it. There is no way back: who wrote there before is not known any more.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/result.h"

namespace winghorn::log {

// Descriptors 1 and 2 are the file of that name, which is appended to.
Status capture_output(const std::string& path);

}  // namespace winghorn::log
