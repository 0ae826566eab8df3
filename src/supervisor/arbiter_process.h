// arbiter_process.h: the arbiter as the files of its life see it.
//
// arbiter.cc: its start and end, signals, settings, turns. arbiter_births.cc: how workers come to be, with a zygote or
// without one. arbiter_deaths.cc: what follows when a process has ended. Nobody else includes this.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/fd.h"
#include "core/net/fd_channel.h"
#include "core/net/lifeline.h"
#include "core/scoreboard/scoreboard.h"
#include "supervisor/arbiter.h"
#include "supervisor/call.h"
#include "supervisor/death_report.h"
#include "supervisor/listener_set.h"
#include "supervisor/notify.h"
#include "supervisor/pidfile.h"
#include "supervisor/policy.h"
#include "supervisor/signals.h"
#include "supervisor/succession.h"
#include "supervisor/worker_place.h"
#include "supervisor/zygote.h"

namespace winghorn::supervisor {

// A generation's settings with the addresses they come to.
struct Generation {
  ArbiterSettings settings;
  Addresses addresses;
};
using GenerationPtr = std::shared_ptr<const Generation>;

// "winghorn: worker [shop.2]"
void show_title(std::string_view role, const ArbiterSettings& settings, std::string_view suffix);

// "was ended by SIGKILL", "exited with code 3"
std::string text_of(Ending ending);

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
  [[noreturn]] void become_heir(pid_t elder);
  void forget_heir(pid_t pid, Ending ending);
  void follow(pid_t elder);
  std::string pidfile_path(const ArbiterSettings& settings) const;
  void note_wanted_workers();
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
  std::vector<pid_t> vanished_zygotes() const;
  void face(Consequence consequence, const std::string& whose, Ending ending);
  void abandon(const std::string& whose, Ending ending);
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
  Result<pid_t> fork_here(const WorkerRecord& worker, Lifeline& lifeline,
                          const Generation& generation);
  Result<pid_t> fork_child(const std::function<void(pid_t arbiter)>& live);
  Result<pid_t> fork_from_zygote(const WorkerRecord& worker, const Lifeline& lifeline);
  void leave_arbiter_behind(SignalsBlocked& blocked);
  void await_zygotes(Plan& plan);
  bool await_zygote(const GenerationPtr& generation, std::uint32_t ordinal, bool is_needed);
  void start_zygote(const GenerationPtr& generation, std::uint32_t ordinal);
  [[noreturn]] void become_zygote(Fd line, const GenerationPtr& generation, std::uint32_t ordinal,
                                  pid_t arbiter);
  void hear_zygotes();
  bool bury_zygote(pid_t pid, Ending ending);
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
  std::map<std::uint32_t, Zygote> zygotes_;  // by generation
  std::uint32_t rotations_ = 0;              // how often the log's files were opened again
  unsigned age_ = 0;                         // workers that were forked, or tried to
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

}  // namespace winghorn::supervisor
