// arbiter_log.h: the arbiter's log, as a generation of settings wants it.
//
// For the arbiter alone; what it forks inherits the log that is open. What cannot be done is said in that log, unless
// a Status is returned.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/result.h"
#include "supervisor/arbiter.h"

namespace winghorn::supervisor {

Status open_log(const ArbiterSettings& settings);
// To the workers' user, who is to open them again when they have been rotated.
void give_logs(const ArbiterSettings& settings);
void say_what_was_read(const ArbiterSettings& settings);

// The log of `tried` was opened, and is not wanted after all. True: the log is elsewhere again than it was.
bool restore_log(const ArbiterSettings& old, const ArbiterSettings& tried);

// A generation was tried and is not wanted any more. What its worker said of its end is in the new log;
// whoever reads the old one is told there, by `why`.
void go_back_to_log(const ArbiterSettings& old, const ArbiterSettings& tried,
                    const std::string& why);

}  // namespace winghorn::supervisor
