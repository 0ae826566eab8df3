// policy.h: what the arbiter should do next, decided without doing anything.
//
// decide() is a pure function of the roster (which workers there are, as the parent sees them), of what is
// wanted, and of the time; so every crash loop, reload, hang and stop is a row in a test. The other
// functions write into the roster what has happened. Nothing here forks, signals, logs or reads a clock.
//
// Words: a worker *boots* from fork until it says it is ready; it is *leaving* once it was asked to go.
// A generation is *proved* when one of its workers has been ready. The *standing* generation is the one
// that serves; after a reload the wanted one is newer, until it is complete (promoted) or did not boot
// (abandoned). Of a generation that is not proved, one worker boots alone: a traceback appears once, and
// nothing that serves is touched for it. Until it is proved, the dead of the standing generation are
// replaced by their like: an import that never returns does not drain the service.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/clock.h"

namespace winghorn::supervisor {

// How a worker was asked to go, mildest first.
enum class Leave : std::uint8_t { No, Retire, Quit };

enum class KillReason : std::uint8_t {
  None,
  Timeout,          // no progress, and no end after SIGABRT
  GracefulTimeout,  // asked to leave, still there
  QuickStop,        // the operator would not wait
};

// A worker as its parent sees it.
struct WorkerRecord {
  pid_t pid = 0;
  unsigned seat = 0;
  unsigned number = 0;
  std::uint32_t generation = 0;
  Instant born{};
  // Of the settings it was started with: a reload changes neither for those who serve already.
  Seconds timeout{30};  // 0: never
  Seconds graceful_timeout{30};
  // How often the kernel had killed for want of memory when it was born; nullopt: not known.
  std::optional<std::uint64_t> oom_kills_at_birth = {};
  std::optional<Instant> ready_at = {};
  // Read from the scoreboard before each decision.
  std::optional<Instant> engine_beat = {};
  std::optional<Instant> stuck_since = {};
  // It has asked for a successor, and goes when there is one.
  bool outgoing = false;
  Leave leaving = Leave::No;
  Instant asked_at{};
  std::optional<Instant> aborted_at = {};
  KillReason killed = KillReason::None;

  bool is_booting() const { return !ready_at.has_value(); }
  // Counts towards the wanted number.
  bool is_staying() const {
    return leaving == Leave::No && killed == KillReason::None && !outgoing;
  }
};

struct Roster {
  std::vector<WorkerRecord> workers;  // oldest first
  std::uint32_t standing = 0;         // 0: no worker has ever been ready
  std::uint32_t proved = 0;           // the newest generation that had a ready worker
  unsigned failed_boots = 0;          // in a row
  Instant last_failed_boot{};
  std::optional<Instant> fork_failed_at = {};

  bool ever_ready() const { return standing != 0; }
  WorkerRecord* find(pid_t pid);
  const WorkerRecord* find(pid_t pid) const;
};

enum class Stop : std::uint8_t {
  No,
  Graceful,  // requests are finished
  Quick,     // requests are not waited for
  AtOnce,    // SIGKILL
};

struct Wanted {
  unsigned workers = 1;
  unsigned standing_workers = 0;  // what the standing generation had, while another is wanted
  std::uint32_t generation = 1;
  Instant generation_began{};
  Stop stop = Stop::No;
  Instant stop_deadline{};
};

enum class Act : std::uint8_t {
  Retire,  // others go on serving
  Stop,    // as Retire, and nobody is left to take what waits at the listeners
  Quit,
  Abort,
  Kill,
};

struct Step {
  pid_t pid = 0;
  Act act = Act::Retire;
  KillReason reason = KillReason::None;  // of a Kill
  bool operator==(const Step&) const = default;
};

struct Plan {
  std::vector<Step> steps;
  unsigned spawn = 0;           // of the wanted generation
  unsigned spawn_standing = 0;  // of the standing one, while the wanted is not proved
  bool promote = false;         // the wanted generation is complete: it is the standing one now
  bool finished = false;        // stopping, and nobody is left who could still be waited for
  std::optional<Instant> wake;  // nothing is due before that unless something happens
};

Plan decide(const Roster& roster, const Wanted& wanted, Instant now);

// A second one between SIGABRT and SIGKILL; what a leaving worker may take beyond graceful_timeout, which
// it keeps itself: the arbiter only sees to those that cannot.
inline constexpr Seconds kAbortGrace{1};
inline constexpr Millis kLeaveGrace{500};
inline constexpr Seconds kQuickStopAfterGraceful{2};
inline constexpr Seconds kForkRetry{1};
// A process in an uninterruptible call does not even end by SIGKILL; a stop goes on without it.
inline constexpr Seconds kGiveUpOnKilled{5};

// 1, 2, 4 ... 30 s after so many boots in a row have failed.
Seconds boot_backoff(unsigned failed_boots);

// Writes into the records what was done to them.
void note_steps(Roster& roster, const std::vector<Step>& steps, Instant now);
void note_promoted(Roster& roster, const Wanted& wanted);
void note_spawned(Roster& roster, const WorkerRecord& worker);
void note_fork_failed(Roster& roster, Instant now);
void note_ready(Roster& roster, pid_t pid, Instant now);
// It says that its successor should come.
void note_outgoing(Roster& roster, pid_t pid);

// How a process ended, freed from wait(2)'s encoding.
struct Ending {
  bool by_signal = false;
  int number = 0;  // the exit code or the signal
};

enum class Consequence : std::uint8_t {
  None,
  TryAgain,  // a boot has failed; the next waits for the back-off
  Abandon,   // the wanted generation does not boot: go back to the standing one
  Halt,      // no worker has ever been ready, and this one says why: stop with its exit code
};

// Takes a dead worker off the roster.
Consequence note_gone(Roster& roster, const Wanted& wanted, pid_t pid, Ending ending, Instant now);

// Likewise, for a zygote (which is on no roster) that has ended before its import was done.
Consequence note_import_failed(Roster& roster, const Wanted& wanted, std::uint32_t generation,
                               Instant born, Ending ending, Instant now);

// How many of that generation take requests and are to stay.
unsigned count_serving(const Roster& roster, std::uint32_t generation);

// The lowest number that no staying worker of that generation has.
unsigned free_number(const Roster& roster, std::uint32_t generation);

// When a reload may begin: at once, but a generation that is still coming up gets a moment first, so that
// a burst of HUPs is few reloads.
inline constexpr Seconds kReloadPause{1};
Instant reload_due(const Roster& roster, const Wanted& wanted, Instant now);

// Signals INT and QUIT (quick) or TERM (graceful) arrive; true when that changed anything. The most patient
// of the workers sets the deadline of the whole.
bool ask_to_stop(Wanted& wanted, const Roster& roster, bool quick, Instant now);
// TTIN, TTOU; false when there are as many, or as few, as may be.
bool add_worker(Wanted& wanted, unsigned most);
bool remove_worker(Wanted& wanted);

}  // namespace winghorn::supervisor
