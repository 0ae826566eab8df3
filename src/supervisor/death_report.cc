// SPDX-License-Identifier: MIT
#include "supervisor/death_report.h"

#include <signal.h>

#include <string>

#include "core/log/log.h"
#include "supervisor/obituary.h"

namespace winghorn::supervisor {
namespace {

Death death_of(const Gone& gone, Scoreboard& board, OomLedger& oom_ledger) {
  const WorkerRecord& worker = gone.worker;
  Death death{gone.ending, gone.usage};
  const bool is_a_riddle =
      gone.ending.by_signal && gone.ending.number == SIGKILL && worker.killed == KillReason::None;
  if (is_a_riddle) death.memory = oom_ledger.judge(worker.oom_kills_at_birth, own_oom_kills());
  death.sender = board.seat(worker.seat).last_signal();
  // Told to abort, it wrote the record of its requests itself and left.
  const bool has_said_all = worker.aborted_at && !gone.ending.by_signal;
  if (!has_said_all) death.unfinished = unfinished_requests(board, worker.seat, now());
  return death;
}

}  // namespace

void DeathReports::write(const Gone& gone, const Wanted& wanted,
                         const std::optional<log::AccessFormat>& format) {
  const Death death = death_of(gone, board_, oom_ledger_);
  log::drain_dead(board_.log_ring(gone.worker.seat));
  if (format) write_owed_lines(gone.worker, *format);
  const Obituary said = obituary(gone.worker, death, wanted, now());
  log::say(said.level, said.text);
}

void DeathReports::write_owed_lines(const WorkerRecord& worker, const log::AccessFormat& format) {
  for (const std::string& line :
       owed_access_lines(board_, worker.seat, worker.pid, format, now())) {
    log::say_access(line);
  }
  const std::uint64_t rowless = board_.seat(worker.seat).engine.rowless.get();
  if (rowless == 0) return;
  log::warning(
      "Worker (pid:{}) had {} requests at times when it had too many to keep a record of: "
      "those among them that it did not finish have no access line",
      worker.pid, rowless);
}

}  // namespace winghorn::supervisor
