// SPDX-License-Identifier: MIT
#include "supervisor/arbiter.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/signal_name.h"
#include "core/log/log.h"
#include "core/net/bind_patiently.h"
#include "core/net/lifeline.h"
#include "core/scoreboard/scoreboard.h"
#include "supervisor/arbiter_log.h"
#include "supervisor/board_room.h"
#include "supervisor/death_report.h"
#include "supervisor/listener_set.h"
#include "supervisor/notify.h"
#include "supervisor/oom_kills.h"
#include "supervisor/pidfile.h"
#include "supervisor/policy.h"
#include "supervisor/process_title.h"
#include "supervisor/signals.h"

namespace winghorn::supervisor {
namespace {

constexpr int kCannotStart = 1;
constexpr int kCannotGoOn = 255;
// How soon lines that a full pipe refused are tried again.
constexpr Millis kLogRetry{50};
constexpr Millis kLongestWait{60'000};
constexpr Millis kLookForElder{500};

template <class... Parameters, class... Arguments>
void call(const std::function<void(Parameters...)>& hook, const Arguments&... arguments) {
  if (hook) hook(arguments...);
}

template <class... Parameters, class... Arguments>
bool allows(const std::function<bool(Parameters...)>& hook, Arguments... arguments) {
  return !hook || hook(arguments...);
}

Ending ending_of(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {true, WTERMSIG(wait_status)};
  return {false, WEXITSTATUS(wait_status)};
}

std::string text_of(Ending ending) {
  if (ending.by_signal) return "was ended by " + signal_name(ending.number);
  return fmt::format("exited with code {}", ending.number);
}

// A generation's settings with the addresses they come to.
struct Generation {
  ArbiterSettings settings;
  Addresses addresses;
};
using GenerationPtr = std::shared_ptr<const Generation>;

void show_title(std::string_view role, const ArbiterSettings& settings, std::string_view suffix) {
  set_process_title(fmt::format("winghorn: {} [{}{}]", role, settings.proc_name, suffix));
}

class Arbiter {
 public:
  Arbiter(ArbiterSettings settings, Hooks hooks, Scoreboard& board, SignalPipe signals)
      : hooks_(std::move(hooks)),
        board_(board),
        signals_(std::move(signals)),
        from_systemd_(take_systemd_descriptors()),
        succession_(Succession::from_environment()),
        current_(make_generation(std::move(settings))),
        standing_(current_) {}

  int run();

 private:
  GenerationPtr make_generation(ArbiterSettings settings) const;
  bool open_listeners();
  void open_channel();
  bool pause(Millis patience);
  bool stop_is_waiting();
  int give_up_start();
  int say_goodbye();

  void turn();
  void take_signals();
  void handle(int signal);
  void stop(bool quick);
  void hang_up();
  void reload();
  Status prepare(const Generation& next);
  void adopt(GenerationPtr next, unsigned workers);
  void tell_count(unsigned before);
  void upgrade();
  [[noreturn]] void become_heir(SignalsBlocked& blocked, pid_t elder);
  void forget_heir(pid_t pid, Ending ending);
  void follow(pid_t elder);
  std::string pidfile_path(const ArbiterSettings& settings) const;
  void add_one();
  void remove_one();
  void dismiss_workers();
  void reopen_logs();
  void say_worker_count();
  void tell_systemd();
  void measure_backlog();

  void reap();
  void note_stop(pid_t pid, int wait_status);
  void bury(pid_t pid, Ending ending, const std::optional<rusage>& usage);
  void bury_stolen();
  void abandon(const WorkerRecord& worker, Ending ending);
  void halt(int code);

  void hear_all();
  void hear_one(pid_t pid);
  void note_recycling(const WorkerRecord& worker);
  void read_board();

  bool carry_out(const Plan& plan);
  void carry_out(const Step& step);
  bool say_to(const WorkerRecord& worker, Order order);
  void ask_to_leave(const WorkerRecord& worker, Order order);
  void promote();
  void settle();
  bool spawn(const GenerationPtr& generation, std::uint32_t ordinal);
  bool cannot_fork(std::string_view why);
  [[noreturn]] void become_worker(WorkerPlace place, const ArbiterSettings& settings);
  void wait(std::optional<Instant> wake);

  Hooks hooks_;
  Scoreboard& board_;
  SignalPipe signals_;
  std::vector<int> from_systemd_;
  Succession succession_;
  GenerationPtr current_;   // the wanted one
  GenerationPtr standing_;  // what to go back to
  std::uint32_t newest_generation_ = 1;
  ListenerSet listeners_;
  FdChannel siblings_;  // kept here, so that nothing in it dies with a worker
  Roster roster_;
  Wanted wanted_;
  std::unordered_map<pid_t, Fd> lifelines_;
  DeathReports death_reports_{board_};
  Pidfile pidfile_;
  ServiceNotices systemd_{Notifier::from_environment()};
  std::vector<int> untreated_;  // signals taken from the pipe
  bool hup_waits_ = false;
  bool finished_ = false;
  std::size_t said_workers_ = 0;
  Instant next_measure_;
  int exit_code_ = 0;
};

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
  take_signals();
  hear_all();
  reap();
  const Instant moment = now();
  if (hup_waits_ && reload_due(roster_, wanted_, moment) <= moment) reload();
  read_board();
  Plan plan = decide(roster_, wanted_, now());
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
  const bool is_followed = succession_.has_living_heir();
  listeners_.share_files(is_followed || succession_.has_elder());
  listeners_.close_all();
  hup_waits_ = false;
  if (is_followed) return systemd_.hand_over(succession_.heir());
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
  Status opened = open_log(next.settings);
  give_logs(next.settings);
  if (opened) opened = pidfile_.move_to(pidfile_path(next.settings));
  if (!opened) listeners_.keep_only(current_->addresses, standing_->addresses);
  return opened;
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
  const pid_t self = ::getpid();
  call(hooks_.before_fork);
  SignalsBlocked blocked;
  const pid_t pid = ::fork();
  const int refused = errno;
  if (pid == 0) become_heir(blocked, self);
  blocked.restore();
  call(hooks_.after_fork_parent);
  if (pid < 0) return log::error("Can't start a new master: {}", Failure{"fork", refused}.text());
  log::info("A new master is starting (pid: {})", pid);
  succession_.note_heir(pid);
  listeners_.share_files(true);
}

void Arbiter::become_heir(SignalsBlocked& blocked, pid_t elder) {
  call(hooks_.after_fork_child);
  signals_.forget();
  lifelines_.clear();
  blocked.unblock_all();
  if (Status kept = keep_for_exec(listeners_.all()); !kept) {
    log::error("Can't start a new master: {}", kept.error().text());
    ::_exit(kCannotStart);
  }
  call(hooks_.start_again, heir_variables(listeners_.all(), from_systemd_.size(), elder));
  ::_exit(kCannotStart);
}

void Arbiter::forget_heir(pid_t pid, Ending ending) {
  log::warning("The new master (pid:{}) {}; this one goes on", pid, text_of(ending));
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
    } else {
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
}

void Arbiter::bury(pid_t pid, Ending ending, const std::optional<rusage>& usage) {
  hear_one(pid);  // it may have said that it is ready before it died
  const WorkerRecord worker = *roster_.find(pid);
  lifelines_.erase(pid);
  board_.seat(worker.seat).set_state(SeatState::Dead);
  death_reports_.write({worker, ending, usage}, wanted_, current_->settings.access_format);
  board_.vacate(worker.seat);
  call(hooks_.gone, pid);
  switch (note_gone(roster_, wanted_, pid, ending, now())) {
    case Consequence::None:
      return;
    case Consequence::TryAgain:
      log::warning("A worker died before it was ready; the next is started in {} s.",
                   boot_backoff(roster_.failed_boots).count());
      return;
    case Consequence::Abandon:
      return abandon(worker, ending);
    case Consequence::Halt:
      return halt(ending.number);
  }
}

void Arbiter::abandon(const WorkerRecord& worker, Ending ending) {
  const std::string text = fmt::format(
      "Reload failed: the new worker (pid:{}) {} before it was ready. The old workers go on; "
      "send HUP to try again.",
      worker.pid, text_of(ending));
  log::error("{}", text);
  go_back_to_log(standing_->settings, current_->settings, text);
  adopt(standing_, wanted_.standing_workers);
  wanted_.generation = roster_.standing;
  listeners_.keep_only(standing_->addresses, standing_->addresses);
  if (Status moved = pidfile_.move_to(pidfile_path(standing_->settings)); !moved) {
    log::error("The pid file stays where it is: {}", moved.error().text());
  }
}

void Arbiter::halt(int code) {
  exit_code_ = code;
  ask_to_stop(wanted_, roster_, true, now());
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
}

bool Arbiter::spawn(const GenerationPtr& generation, std::uint32_t ordinal) {
  const std::optional<unsigned> seat = board_.take_seat();
  if (!seat) return cannot_fork("every seat of the scoreboard is taken");
  Result<Lifeline> made = make_lifeline();
  if (!made) {
    board_.vacate(*seat);
    return cannot_fork(made.error().text());
  }
  Lifeline lifeline = std::move(made).value();
  const unsigned number = free_number(roster_, ordinal);
  const pid_t self = ::getpid();
  const Instant born = now();
  const std::optional<std::uint64_t> oom_kills = own_oom_kills();
  call(generation->settings.about_to_fork);
  call(hooks_.before_fork);
  SignalsBlocked blocked;
  const pid_t pid = ::fork();
  const int refused = errno;
  if (pid == 0) {
    call(hooks_.after_fork_child);
    signals_.forget();
    lifelines_.clear();
    lifeline.arbiter_end.reset();
    blocked.unblock_all();
    std::vector<Listener> listeners = listeners_.hand_over(generation->addresses);
    become_worker({*seat, number, ordinal, std::move(lifeline.worker_end), listeners,
                   std::move(siblings_), board_, self},
                  generation->settings);
  }
  blocked.restore();
  call(hooks_.after_fork_parent);
  call(hooks_.forked, std::max(pid, 0));
  if (pid < 0) {
    board_.vacate(*seat);
    return cannot_fork(Failure{"fork", refused}.text());
  }
  SeatRow& row = board_.seat(*seat);
  row.arbiter.pid.set(static_cast<std::uint64_t>(pid));
  row.arbiter.number.set(number);
  row.arbiter.generation.set(ordinal);
  row.arbiter.spawned_at.set(to_word(born));
  row.arbiter.slots.set(generation->settings.threads);
  lifelines_.emplace(pid, std::move(lifeline.arbiter_end));
  WorkerRecord worker;
  worker.pid = pid;
  worker.seat = *seat;
  worker.number = number;
  worker.generation = ordinal;
  worker.born = born;
  worker.oom_kills_at_birth = oom_kills;
  worker.timeout = generation->settings.timeout;
  worker.graceful_timeout = generation->settings.graceful_timeout;
  note_spawned(roster_, worker);
  return true;
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

void Arbiter::wait(std::optional<Instant> wake) {
  std::vector<pollfd> watched{{signals_.fd(), POLLIN, 0}};
  for (const auto& [pid, lifeline] : lifelines_) watched.push_back({lifeline.get(), POLLIN, 0});
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

}  // namespace

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
