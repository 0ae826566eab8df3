// death_report.h: all that the arbiter writes about a worker that has ended.
//
// The lines that it had finished and not written, the access lines that it owes for its requests, and its
// obituary, in this order. Its seat must not have been given to another yet.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/resource.h>

#include <optional>

#include "core/log/access_log.h"
#include "core/scoreboard/scoreboard.h"
#include "supervisor/oom_kills.h"
#include "supervisor/policy.h"

namespace winghorn::supervisor {

struct Gone {
  const WorkerRecord& worker;
  Ending ending;
  const std::optional<rusage>& usage;
};

class DeathReports {
 public:
  explicit DeathReports(Scoreboard& board) : board_(board) {}

  // In the format that the log has now, as its place is the one that it has now; none: there are no
  // access lines.
  void write(const Gone& gone, const Wanted& wanted,
             const std::optional<log::AccessFormat>& format);

 private:
  void write_owed_lines(const WorkerRecord& worker, const log::AccessFormat& format);

  Scoreboard& board_;
  OomLedger oom_ledger_;
};

}  // namespace winghorn::supervisor
