// SPDX-License-Identifier: MIT
#include "supervisor/arbiter_process.h"

#include <fmt/core.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/log/log.h"
#include "supervisor/arbiter_log.h"
#include "supervisor/oom_kills.h"

namespace winghorn::supervisor {
namespace {

// It forks in milliseconds, unless threads of the application's keep the interpreter.
constexpr Millis kZygotesPatience{10'000};

}  // namespace

bool Arbiter::spawn(const GenerationPtr& generation, std::uint32_t ordinal) {
  const std::optional<unsigned> seat = board_.take_seat();
  if (!seat) return cannot_fork("every seat of the scoreboard is taken");
  Result<Lifeline> made = make_lifeline();
  if (!made) {
    board_.vacate(*seat);
    return cannot_fork(made.error().text());
  }
  Lifeline lifeline = std::move(made).value();
  WorkerRecord worker;
  worker.seat = *seat;
  worker.number = free_number(roster_, ordinal);
  worker.generation = ordinal;
  worker.born = now();
  worker.oom_kills_at_birth = own_oom_kills();
  worker.timeout = generation->settings.timeout;
  worker.graceful_timeout = generation->settings.graceful_timeout;
  call(generation->settings.about_to_fork, ++age_);
  const Result<pid_t> pid = generation->settings.preload_main
                                ? fork_from_zygote(worker, lifeline)
                                : fork_here(worker, lifeline, *generation);
  call(hooks_.forked, pid ? pid.value() : 0);
  if (!pid) {
    board_.vacate(*seat);
    return cannot_fork(pid.error().text());
  }
  worker.pid = pid.value();
  SeatRow& row = board_.seat(*seat);
  row.arbiter.pid.set(static_cast<std::uint64_t>(worker.pid));
  row.arbiter.number.set(worker.number);
  row.arbiter.generation.set(ordinal);
  row.arbiter.spawned_at.set(to_word(worker.born));
  row.arbiter.slots.set(generation->settings.threads);
  lifelines_.emplace(worker.pid, std::move(lifeline.arbiter_end));
  note_spawned(roster_, worker);
  return true;
}

Result<pid_t> Arbiter::fork_here(const WorkerRecord& worker, Lifeline& lifeline,
                                 const Generation& generation) {
  return fork_child([&](pid_t self) {
    lifeline.arbiter_end.reset();
    std::vector<Listener> listeners = listeners_.hand_over(generation.addresses);
    become_worker({worker.seat, worker.number, worker.generation, std::move(lifeline.worker_end),
                   listeners, std::move(siblings_), board_, self},
                  generation.settings);
  });
}

// `live` is the child's life, and does not return.
Result<pid_t> Arbiter::fork_child(const std::function<void(pid_t arbiter)>& live) {
  const pid_t self = ::getpid();
  call(hooks_.before_fork);
  SignalsBlocked blocked;
  const pid_t pid = ::fork();
  const int refused = errno;
  if (pid == 0) {
    leave_arbiter_behind(blocked);
    live(self);
    ::_exit(kWorkerFailedToBoot);
  }
  blocked.restore();
  call(hooks_.after_fork_parent);
  if (pid < 0) return Failure{"fork", refused};
  return pid;
}

// The first thing in any child that is to be no arbiter.
void Arbiter::leave_arbiter_behind(SignalsBlocked& blocked) {
  call(hooks_.after_fork_child);
  signals_.forget();
  lifelines_.clear();
  for (auto& [ordinal, zygote] : zygotes_) zygote.forget();
  zygotes_.clear();
  succession_.let_go();
  blocked.unblock_all();
}

Result<pid_t> Arbiter::fork_from_zygote(const WorkerRecord& worker, const Lifeline& lifeline) {
  const auto zygote = zygotes_.find(worker.generation);
  Result<pid_t> pid = zygote->second.fork({worker.seat, worker.number, age_, rotations_},
                                          lifeline.worker_end.get(), kZygotesPatience);
  if (pid) say_order(lifeline.arbiter_end.get(), Order::Begin);
  return pid;
}

// Workers of a generation without a zygote that could fork them have to wait for it.
void Arbiter::await_zygotes(Plan& plan) {
  if (!await_zygote(current_, wanted_.generation, plan.spawn > 0)) plan.spawn = 0;
  if (!await_zygote(standing_, roster_.standing, plan.spawn_standing > 0)) plan.spawn_standing = 0;
  // The plan was made before it was known that one cannot be started just now.
  if (!roster_.fork_failed_at) return;
  const Instant retry = *roster_.fork_failed_at + kForkRetry;
  if (retry > now()) plan.wake = plan.wake ? std::min(*plan.wake, retry) : retry;
}

bool Arbiter::await_zygote(const GenerationPtr& generation, std::uint32_t ordinal, bool is_needed) {
  if (!is_needed || !generation->settings.preload_main) return true;
  const auto zygote = zygotes_.find(ordinal);
  if (zygote != zygotes_.end()) return zygote->second.is_ready();
  start_zygote(generation, ordinal);
  return false;
}

void Arbiter::start_zygote(const GenerationPtr& generation, std::uint32_t ordinal) {
  Result<Lifeline> made = make_lifeline();
  if (!made) {
    cannot_fork(made.error().text());
    return;
  }
  Lifeline line = std::move(made).value();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const Result<pid_t> pid = fork_child([&](pid_t self) {
    line.arbiter_end.reset();
    become_zygote(std::move(line.worker_end), generation, ordinal, self);
  });
  if (!pid) {
    cannot_fork(pid.error().text());
    return;
  }
  zygotes_.emplace(ordinal, Zygote(pid.value(), std::move(line.arbiter_end), now()));
}

void Arbiter::become_zygote(Fd line, const GenerationPtr& generation, std::uint32_t ordinal,
                            pid_t arbiter) {
  const ArbiterSettings& settings = generation->settings;
  end_with_arbiter(arbiter);
  show_title("zygote", settings, succession_.suffix());
  log::info("Booting zygote with pid: {}", ::getpid());
  std::vector<Listener> listeners = listeners_.hand_over(generation->addresses);
  const int code = settings.preload_main(arbiter);
  if (code != 0 || !say_imported(line.get())) ::_exit(code);
  std::optional<Assignment> mine = serve_forks(
      std::move(line), arbiter, rotations_,
      {hooks_.before_wait, hooks_.after_wait, [] { log::reopen(); }, settings.about_to_fork,
       hooks_.before_fork, hooks_.after_fork_parent, hooks_.after_fork_child});
  if (!mine || !await_begin(mine->lifeline.get())) ::_exit(0);
  become_worker({mine->order.seat, mine->order.number, ordinal, std::move(mine->lifeline),
                 listeners, std::move(siblings_), board_, arbiter},
                settings);
}

void Arbiter::hear_zygotes() {
  // It has the listening sockets too: a client would be let in by nobody.
  if (wanted_.stop != Stop::No) zygotes_.clear();
  std::erase_if(zygotes_, [this](const auto& entry) {
    return entry.first != wanted_.generation && entry.first != roster_.standing;
  });
  for (auto& [ordinal, zygote] : zygotes_) zygote.hear();
}

bool Arbiter::cannot_fork(std::string_view why) {
  log::error("Can't start a worker ({}); trying again in {} s", why, kForkRetry.count());
  note_fork_failed(roster_, now());
  return false;
}

void Arbiter::become_worker(WorkerPlace place, const ArbiterSettings& settings) {
  end_with_arbiter(place.arbiter);
  // A replacement in the standing generation, while another is on trial: its log is not the arbiter's.
  if (&settings != &current_->settings && !open_log(settings)) {
    log::error("Worker (pid:{}) writes to the log of the new settings: its own cannot be opened",
               ::getpid());
  }
  log::attach_ring(board_.log_ring(place.seat));
  show_title("worker", settings, succession_.suffix());
  log::info("Booting worker with pid: {}", ::getpid());
  const int code = settings.worker_main(place);
  log::info("Worker exiting (pid: {})", ::getpid());
  ::_exit(code);
}

}  // namespace winghorn::supervisor
