// SPDX-License-Identifier: MIT
#include "supervisor/policy.h"

#include <algorithm>

#include "supervisor/worker_place.h"

namespace winghorn::supervisor {
namespace {

constexpr Seconds kLongestBackoff{30};

void wake_by(Plan& plan, Instant when) {
  if (!plan.wake || when < *plan.wake) plan.wake = when;
}

// The last sign of progress: older than the timeout, and the worker hangs.
Instant last_progress(const WorkerRecord& worker) {
  Instant beat = *worker.ready_at;
  if (worker.engine_beat && *worker.engine_beat > beat) beat = *worker.engine_beat;
  return worker.stuck_since ? std::min(beat, *worker.stuck_since) : beat;
}

void watch_progress(Plan& plan, const WorkerRecord& worker, Instant now) {
  if (worker.aborted_at) {
    const Instant due = *worker.aborted_at + kAbortGrace;
    if (now < due) return wake_by(plan, due);
    plan.steps.push_back({worker.pid, Act::Kill, KillReason::Timeout});
    return;
  }
  if (worker.is_booting() || worker.timeout <= Seconds(0)) return;
  const Instant due = last_progress(worker) + worker.timeout;
  if (now < due) return wake_by(plan, due);
  plan.steps.push_back({worker.pid, Act::Abort});
  wake_by(plan, now + kAbortGrace);
}

void watch_departure(Plan& plan, const WorkerRecord& worker, Instant now) {
  const Instant due = worker.asked_at + worker.graceful_timeout + kLeaveGrace;
  if (now < due) return wake_by(plan, due);
  plan.steps.push_back({worker.pid, Act::Kill, KillReason::GracefulTimeout});
}

void watch(Plan& plan, const Roster& roster, Instant now) {
  for (const WorkerRecord& worker : roster.workers) {
    if (worker.killed != KillReason::None) continue;
    const std::size_t before = plan.steps.size();
    watch_progress(plan, worker, now);
    const bool is_dealt_with = plan.steps.size() > before || worker.aborted_at;
    if (worker.leaving != Leave::No && !is_dealt_with) watch_departure(plan, worker, now);
  }
}

Instant longest_departure(const Roster& roster, Instant now) {
  Seconds longest{0};
  for (const WorkerRecord& worker : roster.workers) {
    longest = std::max(longest, worker.graceful_timeout);
  }
  return now + longest + kLeaveGrace;
}

bool has_step(const Plan& plan, pid_t pid) {
  return std::ranges::any_of(plan.steps, [pid](const Step& step) { return step.pid == pid; });
}

void see_off(Plan& plan, const Roster& roster, const Wanted& wanted, Instant now) {
  const Leave asked = wanted.stop == Stop::Graceful ? Leave::Retire : Leave::Quit;
  const bool is_over = wanted.stop == Stop::AtOnce || now >= wanted.stop_deadline;
  const KillReason reason =
      wanted.stop == Stop::AtOnce ? KillReason::QuickStop : KillReason::GracefulTimeout;
  for (const WorkerRecord& worker : roster.workers) {
    if (worker.killed != KillReason::None || has_step(plan, worker.pid)) continue;
    if (is_over) {
      plan.steps.push_back({worker.pid, Act::Kill, reason});
    } else if (worker.leaving < asked) {
      plan.steps.push_back({worker.pid, asked == Leave::Quit ? Act::Quit : Act::Stop});
    }
  }
  const Instant give_up = wanted.stop_deadline + kGiveUpOnKilled;
  plan.finished = roster.workers.empty() || now >= give_up;
  wake_by(plan, is_over ? give_up : wanted.stop_deadline);
}

struct Count {
  unsigned staying = 0;
  unsigned booting = 0;
  unsigned ready = 0;
};

Count count_staying(const Roster& roster, std::uint32_t generation) {
  Count count;
  for (const WorkerRecord& worker : roster.workers) {
    if (worker.generation != generation || !worker.is_staying()) continue;
    ++count.staying;
    ++(worker.is_booting() ? count.booting : count.ready);
  }
  return count;
}

void retire(Plan& plan, const WorkerRecord& worker) {
  if (!has_step(plan, worker.pid)) plan.steps.push_back({worker.pid, Act::Retire});
}

// Neither the generation that serves nor the one that is wanted: replaced, superseded or abandoned.
void retire_outdated(Plan& plan, const Roster& roster, const Wanted& wanted) {
  const std::uint32_t standing = plan.promote ? wanted.generation : roster.standing;
  for (const WorkerRecord& worker : roster.workers) {
    const bool is_current = worker.generation == wanted.generation || worker.generation == standing;
    const bool may_stay = worker.leaving == Leave::No && worker.killed == KillReason::None;
    if (!is_current && may_stay) retire(plan, worker);
  }
}

// Whose successors serve by now.
void retire_outgoing(Plan& plan, const Roster& roster, std::uint32_t generation, unsigned workers) {
  if (count_staying(roster, generation).ready < workers) return;
  for (const WorkerRecord& worker : roster.workers) {
    const bool waits = worker.outgoing && worker.leaving == Leave::No &&
                       worker.killed == KillReason::None && worker.generation == generation;
    if (waits) retire(plan, worker);
  }
}

// Those that serve nobody yet go first, the youngest of them; then the oldest, as gunicorn does.
void retire_surplus(Plan& plan, const Roster& roster, const Wanted& wanted, unsigned surplus) {
  std::vector<const WorkerRecord*> order;
  for (const WorkerRecord& worker : roster.workers) {
    if (worker.generation == wanted.generation && worker.is_staying()) order.push_back(&worker);
  }
  std::ranges::stable_partition(order, [](const WorkerRecord* w) { return w->is_booting(); });
  const auto ready = std::ranges::find_if(order, [](const auto* w) { return !w->is_booting(); });
  std::reverse(order.begin(), ready);
  for (unsigned i = 0; i < surplus; ++i) retire(plan, *order[i]);
}

unsigned spawn_now(Plan& plan, const Roster& roster, std::uint32_t generation, unsigned workers,
                   Instant now) {
  const Count count = count_staying(roster, generation);
  if (count.staying >= workers) return 0;
  unsigned room = workers - count.staying;
  const bool is_proved = roster.proved >= generation;
  if (!is_proved || roster.failed_boots > 0) {
    if (count.booting > 0) return 0;
    room = std::min(room, 1U);
  }
  Instant due = now;
  if (roster.failed_boots > 0) {
    due = std::max(due, roster.last_failed_boot + boot_backoff(roster.failed_boots));
  }
  if (roster.fork_failed_at) due = std::max(due, *roster.fork_failed_at + kForkRetry);
  if (due <= now) return room;
  wake_by(plan, due);
  return 0;
}

void fill_up(Plan& plan, const Roster& roster, const Wanted& wanted, Instant now) {
  const Count count = count_staying(roster, wanted.generation);
  plan.promote =
      roster.ever_ready() && roster.standing != wanted.generation && count.ready >= wanted.workers;
  retire_outdated(plan, roster, wanted);
  retire_outgoing(plan, roster, wanted.generation, wanted.workers);
  if (count.staying > wanted.workers) {
    retire_surplus(plan, roster, wanted, count.staying - wanted.workers);
  } else {
    plan.spawn = spawn_now(plan, roster, wanted.generation, wanted.workers, now);
  }
  const bool is_trial = roster.ever_ready() && roster.standing != wanted.generation &&
                        roster.proved < wanted.generation;
  if (is_trial && !plan.promote) {
    retire_outgoing(plan, roster, roster.standing, wanted.standing_workers);
    plan.spawn_standing = spawn_now(plan, roster, roster.standing, wanted.standing_workers, now);
  }
}

}  // namespace

WorkerRecord* Roster::find(pid_t pid) {
  const auto found = std::ranges::find(workers, pid, &WorkerRecord::pid);
  return found == workers.end() ? nullptr : &*found;
}

const WorkerRecord* Roster::find(pid_t pid) const { return const_cast<Roster*>(this)->find(pid); }

Plan decide(const Roster& roster, const Wanted& wanted, Instant now) {
  Plan plan;
  watch(plan, roster, now);
  if (wanted.stop != Stop::No) {
    see_off(plan, roster, wanted, now);
  } else {
    fill_up(plan, roster, wanted, now);
  }
  return plan;
}

Seconds boot_backoff(unsigned failed_boots) {
  if (failed_boots == 0) return Seconds(0);
  return std::min(kLongestBackoff, Seconds(1LL << std::min(failed_boots - 1, 5U)));
}

void note_steps(Roster& roster, const std::vector<Step>& steps, Instant now) {
  for (const Step& step : steps) {
    WorkerRecord* worker = roster.find(step.pid);
    if (worker == nullptr) continue;
    switch (step.act) {
      case Act::Retire:
      case Act::Stop:
      case Act::Quit:
        if (worker->leaving == Leave::No) worker->asked_at = now;
        worker->leaving = step.act == Act::Quit ? Leave::Quit : Leave::Retire;
        break;
      case Act::Abort:
        worker->aborted_at = now;
        break;
      case Act::Kill:
        worker->killed = step.reason;
        break;
    }
  }
}

void note_promoted(Roster& roster, const Wanted& wanted) { roster.standing = wanted.generation; }

void note_spawned(Roster& roster, const WorkerRecord& worker) {
  roster.workers.push_back(worker);
  roster.fork_failed_at.reset();
}

void note_fork_failed(Roster& roster, Instant now) { roster.fork_failed_at = now; }

void note_ready(Roster& roster, pid_t pid, Instant now) {
  WorkerRecord* worker = roster.find(pid);
  if (worker == nullptr || worker->ready_at) return;
  worker->ready_at = now;
  roster.proved = std::max(roster.proved, worker->generation);
  if (!roster.ever_ready()) roster.standing = worker->generation;
  roster.failed_boots = 0;
}

void note_outgoing(Roster& roster, pid_t pid) {
  WorkerRecord* worker = roster.find(pid);
  if (worker != nullptr) worker->outgoing = true;
}

Consequence note_gone(Roster& roster, const Wanted& wanted, pid_t pid, Ending ending, Instant now) {
  const WorkerRecord* found = roster.find(pid);
  if (found == nullptr) return Consequence::None;
  const WorkerRecord worker = *found;
  std::erase_if(roster.workers, [pid](const WorkerRecord& w) { return w.pid == pid; });
  if (!worker.is_booting() || !worker.is_staying()) return Consequence::None;
  return note_import_failed(roster, wanted, worker.generation, worker.born, ending, now);
}

Consequence note_import_failed(Roster& roster, const Wanted& wanted, std::uint32_t generation,
                               Instant born, Ending ending, Instant now) {
  if (wanted.stop != Stop::No) return Consequence::None;
  const bool says_why = !ending.by_signal &&
                        (ending.number == kWorkerFailedToBoot || ending.number == kAppFailedToLoad);
  if (!roster.ever_ready() && says_why) return Consequence::Halt;
  const bool is_trial = roster.ever_ready() && generation == wanted.generation &&
                        generation != roster.standing && roster.proved < generation;
  if (is_trial) return Consequence::Abandon;
  // Several that were booting together and fail together are one failure.
  if (roster.failed_boots == 0 || born >= roster.last_failed_boot) {
    ++roster.failed_boots;
    roster.last_failed_boot = now;
  }
  return Consequence::TryAgain;
}

unsigned count_serving(const Roster& roster, std::uint32_t generation) {
  return count_staying(roster, generation).ready;
}

unsigned free_number(const Roster& roster, std::uint32_t generation) {
  const auto is_taken = [&](unsigned number) {
    return std::ranges::any_of(roster.workers, [&](const WorkerRecord& worker) {
      return worker.generation == generation && worker.is_staying() && worker.number == number;
    });
  };
  unsigned number = 1;
  while (is_taken(number)) ++number;
  return number;
}

Instant reload_due(const Roster& roster, const Wanted& wanted, Instant now) {
  if (roster.standing == wanted.generation) return now;
  return std::max(now, wanted.generation_began + kReloadPause);
}

bool ask_to_stop(Wanted& wanted, const Roster& roster, bool quick, Instant now) {
  if (!quick) {
    if (wanted.stop != Stop::No) return false;
    wanted.stop = Stop::Graceful;
    wanted.stop_deadline = longest_departure(roster, now);
    return true;
  }
  switch (wanted.stop) {
    case Stop::No:
      wanted.stop = Stop::Quick;
      wanted.stop_deadline = longest_departure(roster, now);
      return true;
    case Stop::Graceful:
      wanted.stop = Stop::Quick;
      wanted.stop_deadline = std::min(wanted.stop_deadline, now + kQuickStopAfterGraceful);
      return true;
    case Stop::Quick:
      wanted.stop = Stop::AtOnce;
      wanted.stop_deadline = now;
      return true;
    case Stop::AtOnce:
      break;
  }
  return false;
}

bool add_worker(Wanted& wanted, unsigned most) {
  if (wanted.workers >= most) return false;
  ++wanted.workers;
  return true;
}

bool remove_worker(Wanted& wanted) {
  if (wanted.workers <= 1) return false;
  --wanted.workers;
  return true;
}

}  // namespace winghorn::supervisor
