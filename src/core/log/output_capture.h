// output_capture.h: standard output and error of this process as a part of the error log's file.
//
// What is forked later inherits it. There is no way back: who wrote there before is not known any more. So the
// file is opened first, and put into their place when all else that may fail has been done.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "core/base/fd.h"
#include "core/base/result.h"

namespace winghorn::log {

// To be appended to; `wary_of` as open_log_file() has it.
Result<Fd> open_captured(const std::string& path, std::optional<uid_t> wary_of);
// Descriptors 1 and 2 are that file.
void redirect_output(const Fd& file);

}  // namespace winghorn::log
