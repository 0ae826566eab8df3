// SPDX-License-Identifier: MIT
#include "supervisor/arbiter_process.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "core/base/signal_name.h"
#include "core/log/log.h"
#include "supervisor/arbiter_log.h"

namespace winghorn::supervisor {
namespace {

Ending ending_of(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {true, WTERMSIG(wait_status)};
  return {false, WEXITSTATUS(wait_status)};
}

}  // namespace

std::string text_of(Ending ending) {
  if (ending.by_signal) return "was ended by " + signal_name(ending.number);
  return fmt::format("exited with code {}", ending.number);
}

void Arbiter::reap() {
  for (;;) {
    int status = 0;
    rusage usage{};
    const pid_t pid = ::wait4(-1, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) break;
    if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
      note_stop(pid, status);
    } else if (roster_.find(pid) != nullptr) {
      bury(pid, ending_of(status), usage);
    } else if (succession_.note_gone(pid)) {
      forget_heir(pid, ending_of(status));
    } else if (!bury_zygote(pid, ending_of(status))) {
      log::debug("Reaped unknown child process (pid:{}, status:{})", pid, status);
    }
  }
  bury_stolen();
}

// Its slots are nobody's while it stands still: siblings must not leave requests to it.
void Arbiter::note_stop(pid_t pid, int wait_status) {
  const WorkerRecord* const worker = roster_.find(pid);
  if (worker == nullptr) return;
  SeatRow& row = board_.seat(worker->seat);
  if (WIFSTOPPED(wait_status)) {
    log::warning("Worker (pid:{}) has been stopped by {}", pid, signal_name(WSTOPSIG(wait_status)));
    if (row.state() == SeatState::Ready) row.set_state(SeatState::Stopped);
  } else {
    log::warning("Worker (pid:{}) goes on", pid);
    if (row.state() == SeatState::Stopped) row.set_state(SeatState::Ready);
  }
}

// A hook that waited for any child has taken a worker's exit status with it.
void Arbiter::bury_stolen() {
  std::vector<pid_t> stolen;
  for (const WorkerRecord& worker : roster_.workers) {
    const bool is_silent = !lifelines_.contains(worker.pid);
    if (is_silent && ::kill(worker.pid, 0) != 0 && errno == ESRCH) stolen.push_back(worker.pid);
  }
  for (const pid_t pid : stolen) {
    log::warning("Worker (pid:{}) is gone, and something else took its exit status.", pid);
    bury(pid, {false, 0}, std::nullopt);
  }
  for (const pid_t pid : vanished_zygotes()) bury_zygote(pid, {false, 0});
}

std::vector<pid_t> Arbiter::vanished_zygotes() const {
  std::vector<pid_t> vanished;
  for (const auto& [ordinal, zygote] : zygotes_) {
    if (::kill(zygote.pid(), 0) != 0 && errno == ESRCH) vanished.push_back(zygote.pid());
  }
  return vanished;
}

void Arbiter::bury(pid_t pid, Ending ending, const std::optional<rusage>& usage) {
  hear_one(pid);  // it may have said that it is ready before it died
  const WorkerRecord worker = *roster_.find(pid);
  lifelines_.erase(pid);
  board_.seat(worker.seat).set_state(SeatState::Dead);
  death_reports_.write({worker, ending, usage}, wanted_, current_->settings.access_format);
  board_.vacate(worker.seat);
  call(hooks_.gone, pid);
  face(note_gone(roster_, wanted_, pid, ending, now()), fmt::format("worker (pid:{})", pid),
       ending);
}

void Arbiter::face(Consequence consequence, const std::string& whose, Ending ending) {
  switch (consequence) {
    case Consequence::None:
      return;
    case Consequence::TryAgain:
      log::warning("A {} died before it was ready; the next is started in {} s.",
                   whose.substr(0, whose.find(' ')), boot_backoff(roster_.failed_boots).count());
      return;
    case Consequence::Abandon:
      return abandon(whose, ending);
    case Consequence::Halt:
      return halt(ending.number);
  }
}

void Arbiter::abandon(const std::string& whose, Ending ending) {
  const std::string text = fmt::format(
      "Reload failed: the new {} {} before it was ready. The old workers go on; "
      "send HUP to try again.",
      whose, text_of(ending));
  log::error("{}", text);
  go_back_to_log(standing_->settings, current_->settings, text);
  adopt(standing_, wanted_.standing_workers);
  wanted_.generation = roster_.standing;
  listeners_.keep_only(standing_->addresses, standing_->addresses);
  call(hooks_.listening, listeners_.all());
  if (Status moved = pidfile_.move_to(pidfile_path(standing_->settings)); !moved) {
    log::error("The pid file stays where it is: {}", moved.error().text());
  }
}

void Arbiter::halt(int code) {
  exit_code_ = code;
  ask_to_stop(wanted_, roster_, true, now());
}

bool Arbiter::bury_zygote(pid_t pid, Ending ending) {
  const auto found = std::ranges::find_if(
      zygotes_, [pid](const auto& entry) { return entry.second.pid() == pid; });
  if (found == zygotes_.end()) return false;
  found->second.hear();
  const std::uint32_t ordinal = found->first;
  const bool had_imported = found->second.is_ready();
  const Instant born = found->second.born();
  found->second.forget();
  zygotes_.erase(found);
  log::error("Zygote (pid:{}) {}.", pid, text_of(ending));
  if (had_imported) return true;  // the next worker that is needed needs another
  face(note_import_failed(roster_, wanted_, ordinal, born, ending, now()),
       fmt::format("zygote (pid:{})", pid), ending);
  return true;
}

}  // namespace winghorn::supervisor
