// arbiter.h: the first process: binds, forks, watches, restarts, stops.
//
// One thread and one poll over a self-pipe, the workers' lifelines and the next due moment. Signal handlers
// write one byte; everything else happens in the loop, in the order it was received. What to do next is
// decided by policy.h, without I/O; this carries it out. Knows processes, not HTTP and not Python: the
// caller hands in what a worker runs and what an interpreter must do around a fork and a wait.
// Log lines are gunicorn's; what gunicorn has no line for is said in plain words.
// Exit status: 0 after a stop that was asked for; 1 when an address cannot be bound, another server has the
// pid file or a hook ends the start; 3 or 4 when the first worker of all did not boot; 255 when the arbiter
// itself cannot go on.
// Fork: run() returns in the arbiter only; a worker leaves by _exit within run().
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/address.h"
#include "core/log/access_log.h"
#include "core/log/log.h"
#include "core/net/listener.h"
#include "supervisor/identity.h"
#include "supervisor/succession.h"
#include "supervisor/worker_place.h"

namespace winghorn::supervisor {

// One generation of settings, with the code its workers run. worker_main may capture what belongs to the
// same generation (the validated settings): a reload that fails goes back to the old one whole.
struct ArbiterSettings {
  std::vector<config::BindAddress> addresses;
  BindOptions bind;
  Identity identity = {};  // of workers; they take it themselves (worker_main)
  unsigned workers = 1;
  unsigned threads = 1;            // of a worker
  unsigned stuck_slots_limit = 0;  // threads that may take the place of those that do not come back
  Seconds timeout{30};             // without progress; 0: never
  Seconds graceful_timeout{30};    // for a worker that was asked to leave
  std::string worker_class = "sync";  // as shown
  log::Places log;                    // of the arbiter while this generation is the wanted one
  log::Level log_level = log::Level::Info;
  log::Format log_format = log::Format::Text;
  std::optional<log::AccessFormat> access_format = {};  // none: there is no access log
  bool measures_backlog = false;                        // each second
  std::string proc_name = {};                           // in process titles
  std::string pidfile = {};                             // empty: none
  bool daemon = false;                                  // WINCH takes the workers away
  std::string config_file = {};                         // that was read; empty: none
  std::vector<std::string> warnings = {};               // what is odd about them
  WorkerMain worker_main;
  // With it workers are forked from a zygote, in which it imports the application first; it returns 0, or the code
  // that the zygote exits with: as a worker's.
  std::function<int(pid_t arbiter)> preload_main = {};
  // In the arbiter: these are the wanted settings now; a worker of theirs is about to be forked, the
  // age-th of all. With a zygote the second is said in both.
  std::function<void()> adopted = {};
  std::function<void(unsigned age)> about_to_fork = {};
};

// What an interpreter must do. Each may be empty. None may throw.
struct Hooks {
  std::function<void()> before_fork;
  std::function<void()> after_fork_parent;  // also when the fork failed
  std::function<void()> after_fork_child;   // before any other code of the child
  std::function<void()> before_wait;        // the loop is about to block: let the lock go
  std::function<void()> after_wait;
  // HUP: evaluates the configuration again. A Failure's text is logged and the old settings stay.
  std::function<Result<ArbiterSettings>()> reload;

  // USR2, in the new process: runs the program again, with these variables besides. Returns if it cannot,
  // and has said why.
  std::function<void(const Variables&)> start_again;

  // How many workers a hook wants from now on, which it has told itself; asked in each turn of the loop.
  std::function<std::optional<unsigned>()> workers_wanted;

  // What the user's own hooks are told, in this order. While the server starts, a false is its end.
  std::function<bool(unsigned now, std::optional<unsigned> before)> count_changed;
  std::function<bool()> starting;                               // no socket is open yet
  std::function<void(const std::vector<Listener>&)> listening;  // at these, whenever that changes
  std::function<bool()> ready;                     // all are, and no worker is forked yet
  std::function<void(pid_t)> heir_changed;         // USR2's new arbiter; 0: there is none any more
  std::function<void(pid_t)> forked;               // 0: it could not be
  std::function<void(pid_t)> gone;                 // a worker has ended
  std::function<void(unsigned)> backlog_measured;  // so many connections wait in the kernel
  std::function<void()> reloaded;  // new settings hold, no worker of theirs is forked yet
  std::function<void()> stopped;   // nothing follows
};

// Installs its signal handlers, serves until told to stop, puts the old handlers back. The first settings'
// log is open already; what the board has no room for, a reload cannot ask for.
int run_arbiter(ArbiterSettings settings, Hooks hooks, Scoreboard& board);

}  // namespace winghorn::supervisor
