// obituary.h: what the log says about a worker that is gone: how it ended, by whose hand, what it had in its
// slots and what it cost.
//
// One record, whose first words are gunicorn's; whoever killed is named only where that is known. SIGKILL
// from outside is known by exclusion. Beside it, the access lines that the worker still owed.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/resource.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/log/access_log.h"
#include "core/log/log.h"
#include "core/scoreboard/scoreboard.h"
#include "supervisor/oom_kills.h"
#include "supervisor/policy.h"

namespace winghorn::supervisor {

// What is known of how it ended, beside the arbiter's own part in it.
struct Death {
  Ending ending;
  std::optional<rusage> usage = {};  // of the worker and of those children that it waited for
  OomVerdict memory = OomVerdict::NotKnown;
  std::optional<SignalSender> sender = {};   // of the last signal that the worker could look at
  std::vector<std::string> unfinished = {};  // as unfinished_requests() says it
};

struct Obituary {
  log::Level level = log::Level::Info;
  std::string text;
};

Obituary obituary(const WorkerRecord& worker, const Death& death, const Wanted& wanted,
                  Instant now);

// One line for each request that the dead owner of the seat had not finished in its slots.
std::vector<std::string> unfinished_requests(const Scoreboard& board, unsigned seat, Instant now);

// For each request that the dead owner of the seat had read and whose line neither it nor its ring has: what
// the format makes of it. The status is that of the reply if some of it had gone out, else there is none.
std::vector<std::string> owed_access_lines(const Scoreboard& board, unsigned seat, pid_t pid,
                                           const log::AccessFormat& format, Instant now);

}  // namespace winghorn::supervisor
