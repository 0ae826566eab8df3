// SPDX-License-Identifier: MIT
#include "supervisor/arbiter.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "core/log/log.h"
#include "core/net/bind_patiently.h"
#include "core/net/lifeline.h"
#include "supervisor/arbiter_log.h"
#include "supervisor/arbiter_process.h"
#include "supervisor/board_room.h"
#include "supervisor/process_title.h"

namespace winghorn::supervisor {
namespace {

constexpr int kCannotStart = 1;
constexpr int kCannotGoOn = 255;
// How soon lines that a full pipe refused are tried again.
constexpr Millis kLogRetry{50};
constexpr Millis kLongestWait{60'000};
constexpr Millis kLookForElder{500};

}  // namespace

void show_title(std::string_view role, const ArbiterSettings& settings, std::string_view suffix) {
  set_process_title(fmt::format("winghorn: {} [{}{}]", role, settings.proc_name, suffix));
}

GenerationPtr Arbiter::make_generation(ArbiterSettings settings) const {
  const std::vector<int>& given = from_systemd_.empty() ? succession_.descriptors() : from_systemd_;
  Addresses addresses = effective_addresses(settings.addresses, given);
  return std::make_shared<const Generation>(Generation{std::move(settings), std::move(addresses)});
}

void Arbiter::adopt(GenerationPtr next, unsigned workers) {
  current_ = std::move(next);
  call(current_->settings.adopted);
  show_title("master", current_->settings, succession_.suffix());
  tell_count(std::exchange(wanted_.workers, workers));
}

void Arbiter::tell_count(unsigned before) {
  allows(hooks_.count_changed, wanted_.workers, std::optional(before));
}

int Arbiter::run() {
  say_what_was_read(current_->settings);
  wanted_.workers = wanted_.standing_workers = current_->settings.workers;
  wanted_.generation_began = now();
  call(current_->settings.adopted);
  if (!allows(hooks_.count_changed, wanted_.workers, std::optional<unsigned>())) {
    return kCannotStart;
  }
  log::info("Starting winghorn {}", WINGHORN_VERSION);
  Status possible = check_identity(current_->settings.identity);
  if (possible) possible = pidfile_.create(pidfile_path(current_->settings));
  if (!possible) {
    log::error("Can't start: {}", possible.error().text());
    return kCannotStart;
  }
  give_logs(current_->settings);
  if (!allows(hooks_.starting)) return give_up_start();
  if (!open_listeners()) return stop_is_waiting() ? say_goodbye() : give_up_start();
  call(hooks_.listening, listeners_.all());
  open_channel();
  log::debug("Arbiter booted");
  log::info("Listening at: {} ({})", listeners_.display(current_->addresses), ::getpid());
  log::info("Using worker: {}", current_->settings.worker_class);
  if (!allows(hooks_.ready)) return give_up_start();
  show_title("master", current_->settings, succession_.suffix());
  while (!finished_) turn();
  return say_goodbye();
}

int Arbiter::give_up_start() {
  listeners_.close_all();
  pidfile_.remove();
  return kCannotStart;
}

bool Arbiter::open_listeners() {
  listeners_.share_files(!succession_.is_alone());
  Heirlooms heirlooms = std::exchange(succession_.heirlooms(), {});
  const auto bind = [&](const ListenAddress& address) {
    const BindOptions& options = current_->settings.bind;
    if (auto claimed = heirlooms.claim(address, options)) return *std::move(claimed);
    return bind_patiently(address, options, [this](Millis patience) { return pause(patience); });
  };
  return listeners_.open(current_->addresses, bind).ok();
}

void Arbiter::open_channel() {
  Result<FdChannel> made = FdChannel::create();
  if (made) {
    siblings_ = std::move(made).value();
  } else {
    log::warning("Requests wait for the worker that has read them: {}", made.error().text());
  }
}

// False as soon as a stop was asked for.
bool Arbiter::pause(Millis patience) {
  const Instant end = now() + patience;
  while (!stop_is_waiting()) {
    const Instant at = now();
    if (at >= end) return true;
    pollfd readable{signals_.fd(), POLLIN, 0};
    const auto left = std::chrono::ceil<Millis>(end - at);
    call(hooks_.before_wait);
    ::poll(&readable, 1, static_cast<int>(left.count()));
    call(hooks_.after_wait);
  }
  return false;
}

bool Arbiter::stop_is_waiting() {
  for (const int signal : signals_.take()) untreated_.push_back(signal);
  return std::ranges::any_of(untreated_, [](int signal) {
    return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT;
  });
}

int Arbiter::say_goodbye() {
  listeners_.close_all();
  const log::Level level = exit_code_ == 0 ? log::Level::Info : log::Level::Error;
  log::say(level, fmt::format("Shutting down: Master{}", succession_.suffix()));
  if (exit_code_ == kWorkerFailedToBoot) log::say(level, "Reason: Worker failed to boot.");
  if (exit_code_ == kAppFailedToLoad) log::say(level, "Reason: App failed to load.");
  pidfile_.remove();
  call(hooks_.stopped);
  return exit_code_;
}

void Arbiter::turn() {
  if (const auto elder = succession_.note_promotion()) follow(*elder);
  note_wanted_workers();
  take_signals();
  hear_all();
  reap();
  const Instant moment = now();
  if (hup_waits_ && reload_due(roster_, wanted_, moment) <= moment) reload();
  hear_zygotes();
  read_board();
  Plan plan = decide(roster_, wanted_, now());
  await_zygotes(plan);
  // What was done changes what is due: look again before waiting.
  if (carry_out(plan)) return;
  finished_ = plan.finished;
  if (finished_) return;
  if (hup_waits_) {
    const Instant due = reload_due(roster_, wanted_, moment);
    plan.wake = plan.wake ? std::min(*plan.wake, due) : due;
  }
  say_worker_count();
  tell_systemd();
  if (current_->settings.measures_backlog) {
    measure_backlog();
    plan.wake = plan.wake ? std::min(*plan.wake, next_measure_) : next_measure_;
  }
  wait(plan.wake);
}

void Arbiter::take_signals() {
  for (const int signal : signals_.take()) untreated_.push_back(signal);
  for (const int signal : std::exchange(untreated_, {})) handle(signal);
}

void Arbiter::handle(int signal) {
  log::say(signal == SIGCHLD ? log::Level::Debug : log::Level::Info,
           "Handling signal: " + lower_name_of(signal));
  switch (signal) {
    case SIGTERM:
      return stop(false);
    case SIGINT:
    case SIGQUIT:
      return stop(true);
    case SIGHUP:
      return hang_up();
    case SIGTTIN:
      return add_one();
    case SIGTTOU:
      return remove_one();
    case SIGUSR1:
      return reopen_logs();
    case SIGUSR2:
      return upgrade();
    case SIGWINCH:
      return dismiss_workers();
    default:  // SIGCHLD: every turn reaps
      return;
  }
}

void Arbiter::stop(bool quick) {
  const Stop before = wanted_.stop;
  if (!ask_to_stop(wanted_, roster_, quick, now())) return;
  if (before == Stop::Graceful) log::info("Quick shutdown requested");
  // The workers have their own copies and take what is queued; nobody new is let in to be disappointed.
  listeners_.share_files(succession_.other_lives());
  listeners_.close_all();
  hup_waits_ = false;
  if (succession_.has_living_heir()) return systemd_.hand_over(succession_.heir());
  if (!succession_.has_elder()) systemd_.stop_begins();
}

void Arbiter::hang_up() {
  if (wanted_.stop == Stop::No) hup_waits_ = true;
}

void Arbiter::reload() {
  hup_waits_ = false;
  log::info("Hang up: Master{}", succession_.suffix());
  if (!succession_.has_elder()) systemd_.reload_begins(now());
  if (!hooks_.reload) return;
  Result<ArbiterSettings> settings = hooks_.reload();
  if (!settings) {
    log::error("Reload failed, the old settings stay: {}", settings.error().text());
    return;
  }
  GenerationPtr next = make_generation(std::move(settings).value());
  if (Status ready = prepare(*next); !ready) {
    log::error("Reload failed, the old settings stay: {}", ready.error().text());
    return;
  }
  say_what_was_read(next->settings);
  if (roster_.standing == wanted_.generation) {
    standing_ = current_;
    wanted_.standing_workers = wanted_.workers;
  }
  if (next->addresses != current_->addresses) {
    log::info("Listening at: {}", listeners_.display(next->addresses));
  }
  adopt(next, next->settings.workers);
  listeners_.keep_only(current_->addresses, standing_->addresses);
  call(hooks_.listening, listeners_.all());
  wanted_.generation = ++newest_generation_;
  wanted_.generation_began = now();
  call(hooks_.reloaded);
}

// All that a generation needs of the arbiter, or nothing of it is left.
Status Arbiter::prepare(const Generation& next) {
  if (Status room = check_room(next.settings, board_); !room) return room;
  if (Status may = check_identity(next.settings.identity); !may) return may;
  const auto bind = [&next](const ListenAddress& address) {
    Result<Listener> bound = Listener::bind(address, next.settings.bind);
    if (!bound) log_refused_bind(address, bound.error());
    return bound;
  };
  if (!listeners_.open(next.addresses, bind)) return Failure{"an address cannot be listened at"};
  Status ready = open_log(next.settings);
  if (ready) {
    ready = pidfile_.move_to(pidfile_path(next.settings));
    if (!ready) restore_log(current_->settings, next.settings);
  }
  if (ready) {
    give_logs(next.settings);
  } else {
    listeners_.keep_only(current_->addresses, standing_->addresses);
  }
  return ready;
}

std::string Arbiter::pidfile_path(const ArbiterSettings& settings) const {
  if (settings.pidfile.empty()) return {};
  return fmt::format("{}{}", settings.pidfile, succession_.suffix());
}

// The program as it is on disk now, in a process of its own, beside this one.
void Arbiter::upgrade() {
  if (succession_.has_heir()) return log::warning("USR2 signal ignored. Child exists.");
  if (succession_.has_elder()) return log::warning("USR2 signal ignored. Parent exists.");
  if (wanted_.stop != Stop::No) return;
  const Result<pid_t> pid = fork_child([this](pid_t self) { become_heir(self); });
  if (!pid) return log::error("Can't start a new master: {}", pid.error().text());
  log::info("A new master is starting (pid: {})", pid.value());
  succession_.note_heir(pid.value());
  call(hooks_.heir_changed, pid.value());
  listeners_.share_files(true);
}

void Arbiter::become_heir(pid_t elder) {
  if (Status kept = keep_for_exec(listeners_.all()); !kept) {
    log::error("Can't start a new master: {}", kept.error().text());
    ::_exit(kCannotStart);
  }
  call(hooks_.start_again, heir_variables(listeners_.all(), from_systemd_.size(), elder));
  ::_exit(kCannotStart);
}

void Arbiter::forget_heir(pid_t pid, Ending ending) {
  log::warning("The new master (pid:{}) {}; this one goes on", pid, text_of(ending));
  call(hooks_.heir_changed, 0);
  listeners_.share_files(false);
}

void Arbiter::follow(pid_t elder) {
  log::info("Master has been promoted.");
  listeners_.share_files(false);
  if (Status moved = pidfile_.move_to(pidfile_path(current_->settings), elder); !moved) {
    log::error("The pid file stays where it is: {}", moved.error().text());
  }
  show_title("master", current_->settings, succession_.suffix());
}

void Arbiter::note_wanted_workers() {
  if (!hooks_.workers_wanted) return;
  const std::optional<unsigned> count = hooks_.workers_wanted();
  if (!count) return;
  const unsigned most = most_workers(board_);
  wanted_.workers = std::min(*count, most);
  if (*count <= most) return;
  log::warning("A hook wants {} workers: there are {}, for more cannot be configured.", *count,
               most);
  tell_count(*count);
}

void Arbiter::remove_one() {
  const unsigned before = wanted_.workers;
  if (remove_worker(wanted_)) tell_count(before);
}

void Arbiter::add_one() {
  const unsigned before = wanted_.workers;
  if (add_worker(wanted_, most_workers(board_))) return tell_count(before);
  log::warning("TTIN is ignored: there are {} workers, and more cannot be configured.",
               wanted_.workers);
}

// In a terminal the signal means that a window has a new size.
void Arbiter::dismiss_workers() {
  if (!current_->settings.daemon) return log::debug("SIGWINCH ignored. Not daemonized");
  log::info("graceful stop of workers");
  tell_count(std::exchange(wanted_.workers, 0U));
}

void Arbiter::reopen_logs() {
  log::reopen();
  ++rotations_;  // a zygote hears of it with its next order
  give_logs(current_->settings);
  for (const WorkerRecord& worker : roster_.workers) {
    // One that boots has no handler yet: the signal would end it.
    if (!say_to(worker, Order::Reopen) && !worker.is_booting()) ::kill(worker.pid, SIGUSR1);
  }
}

void Arbiter::say_worker_count() {
  if (said_workers_ == roster_.workers.size()) return;
  said_workers_ = roster_.workers.size();
  log::debug("{} workers", said_workers_);
}

void Arbiter::tell_systemd() {
  if (succession_.has_elder()) return;  // which speaks for both
  systemd_.tell(count_serving(roster_, wanted_.generation), wanted_.workers);
}

void Arbiter::measure_backlog() {
  if (now() < next_measure_) return;
  next_measure_ = now() + Seconds(1);
  call(hooks_.backlog_measured, listeners_.waiting());
}

void Arbiter::hear_all() {
  std::vector<pid_t> speakers;
  for (const auto& [pid, lifeline] : lifelines_) speakers.push_back(pid);
  for (const pid_t pid : speakers) hear_one(pid);
}

void Arbiter::hear_one(pid_t pid) {
  const auto lifeline = lifelines_.find(pid);
  if (lifeline == lifelines_.end()) return;
  for (;;) {
    char word = 0;
    const Heard heard = hear(lifeline->second.get(), word);
    if (heard == Heard::Nothing) return;
    if (heard == Heard::End) {
      lifelines_.erase(lifeline);
      return;
    }
    WorkerRecord* worker = roster_.find(pid);
    if (worker == nullptr) continue;
    if (word == static_cast<char>(Report::Recycle)) note_recycling(*worker);
    if (word == static_cast<char>(Report::Reload)) hang_up();
    if (word != static_cast<char>(Report::Ready)) continue;
    const bool is_first = !roster_.ever_ready();
    note_ready(roster_, pid, now());
    if (is_first && roster_.standing == wanted_.generation) settle();
    if (worker->leaving == Leave::No) board_.seat(worker->seat).set_state(SeatState::Ready);
  }
}

// The worker has said in the log why.
void Arbiter::note_recycling(const WorkerRecord& worker) {
  log::info("Worker (pid:{}) asks for its successor", worker.pid);
  note_outgoing(roster_, worker.pid);
}

void Arbiter::read_board() {
  const auto moment = [](const Word& word) -> std::optional<Instant> {
    const std::uint64_t value = word.get();
    return value == 0 ? std::nullopt : std::optional(from_word(value));
  };
  for (WorkerRecord& worker : roster_.workers) {
    const SeatRow& row = board_.seat(worker.seat);
    worker.engine_beat = moment(row.watchdog.engine_beat);
    worker.stuck_since = moment(row.progress.stuck_since);
  }
}

// True when it did anything.
bool Arbiter::carry_out(const Plan& plan) {
  for (const Step& step : plan.steps) carry_out(step);
  note_steps(roster_, plan.steps, now());
  if (plan.promote) promote();
  for (unsigned i = 0; i < plan.spawn; ++i) {
    if (!spawn(current_, wanted_.generation)) break;
  }
  for (unsigned i = 0; i < plan.spawn_standing; ++i) {
    if (!spawn(standing_, roster_.standing)) break;
  }
  return !plan.steps.empty() || plan.promote || plan.spawn + plan.spawn_standing > 0;
}

void Arbiter::carry_out(const Step& step) {
  const WorkerRecord* worker = roster_.find(step.pid);
  if (worker == nullptr) return;
  switch (step.act) {
    case Act::Retire:
      return ask_to_leave(*worker, Order::Retire);
    case Act::Stop:
      return ask_to_leave(*worker, Order::Stop);
    case Act::Quit:
      return ask_to_leave(*worker, Order::Quit);
    case Act::Abort:
      log::critical("WORKER TIMEOUT (pid:{})", step.pid);
      // Not by the signal: the application may have a handler of its own for it (faulthandler.enable() is
      // one), which would end the process before its clients have their answers.
      if (!say_to(*worker, Order::Abort)) ::kill(step.pid, SIGABRT);
      return;
    case Act::Kill:
      ::kill(step.pid, SIGKILL);
      return;
  }
}

bool Arbiter::say_to(const WorkerRecord& worker, Order order) {
  const auto lifeline = lifelines_.find(worker.pid);
  return lifeline != lifelines_.end() && say_order(lifeline->second.get(), order);
}

// The order travels on the lifeline; a signal stands in for it where nobody reads there: during the import
// of the application, or when the worker is too far behind.
void Arbiter::ask_to_leave(const WorkerRecord& worker, Order order) {
  board_.seat(worker.seat).set_state(SeatState::Retiring);
  // What waits at the sockets is for the workers of the other arbiter, who share them.
  if (order == Order::Stop && !succession_.is_alone()) order = Order::Retire;
  const bool is_said = say_to(worker, order);
  if (worker.is_booting()) {
    ::kill(worker.pid, SIGTERM);
  } else if (!is_said) {
    ::kill(worker.pid, order == Order::Quit ? SIGQUIT : SIGTERM);
  }
}

void Arbiter::promote() {
  log::info("Reload complete: {} new workers are ready", wanted_.workers);
  note_promoted(roster_, wanted_);
  settle();
}

// The wanted generation is the one that serves: nothing older will be gone back to.
void Arbiter::settle() {
  standing_ = current_;
  wanted_.standing_workers = wanted_.workers;
  listeners_.keep_only(current_->addresses, current_->addresses);
  call(hooks_.listening, listeners_.all());
}

void Arbiter::wait(std::optional<Instant> wake) {
  std::vector<pollfd> watched{{signals_.fd(), POLLIN, 0}};
  for (const auto& [pid, lifeline] : lifelines_) watched.push_back({lifeline.get(), POLLIN, 0});
  for (const auto& [ordinal, zygote] : zygotes_) watched.push_back({zygote.fd(), POLLIN, 0});
  Millis patience = systemd_.longest_silence(kLongestWait);
  if (succession_.elder_fd() >= 0) {
    watched.push_back({succession_.elder_fd(), POLLIN, 0});
  } else if (succession_.has_elder()) {
    patience = std::min(patience, kLookForElder);
  }
  if (wake) patience = std::clamp(std::chrono::ceil<Millis>(*wake - now()), Millis(0), patience);
  if (log::pending() && !log::flush_pending()) patience = std::min(patience, kLogRetry);
  if (patience == Millis(0)) return;
  call(hooks_.before_wait);
  ::poll(watched.data(), watched.size(), static_cast<int>(patience.count()));
  call(hooks_.after_wait);
}

int run_arbiter(ArbiterSettings settings, Hooks hooks, Scoreboard& board) {
  Result<SignalPipe> signals = SignalPipe::install();
  if (!signals) {
    log::error("Can't start: {}", signals.error().text());
    return kCannotGoOn;
  }
  Arbiter arbiter(std::move(settings), std::move(hooks), board, std::move(signals).value());
  return arbiter.run();
}

}  // namespace winghorn::supervisor
