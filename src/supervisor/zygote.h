// zygote.h: the process that has imported the application and from which workers are forked (preload_app).
//
// One for each generation, so that a reload imports anew while the old one serves. It runs nothing but the import,
// and then waits for orders on a socket pair; with each comes the worker's end of a lifeline. It forks twice, the
// process between ends at once, and the worker becomes a child of the arbiter, which is a subreaper.
//
//   arbiter:  Zygote made after the fork → hear() while it is readable → is_ready() → fork()… → destroyed: ended
//   zygote:   (import) → say_imported() → serve_forks(), which returns in each worker with its order, and in the
//             zygote when the arbiter has let go of it
//
// It has the listening sockets of its generation, so it must be gone before a stop waits for anybody.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/net/fd_channel.h"

namespace winghorn::supervisor {

struct ForkOrder {
  std::uint32_t seat = 0;
  std::uint32_t number = 0;
  std::uint32_t age = 0;        // how many workers the arbiter had had forked, this one among them
  std::uint32_t rotations = 0;  // how often the log's files had been opened again
};

// The arbiter's hold on it.
class Zygote {
 public:
  Zygote(pid_t pid, Fd end, Instant born) : pid_(pid), end_(std::move(end), Fd()), born_(born) {}
  ~Zygote() { finish(); }
  Zygote(Zygote&& other) noexcept;
  Zygote& operator=(Zygote&&) = delete;

  pid_t pid() const { return pid_; }
  Instant born() const { return born_; }
  int fd() const { return end_.sending_end(); }
  bool is_ready() const { return ready_; }
  void hear();
  // The worker's pid. `lifeline` stays the caller's. A zygote that has let go of its end or does not answer within
  // `patience` is killed, and is then reaped as any other; one that just cannot fork now stays.
  Result<pid_t> fork(const ForkOrder& order, int lifeline, Millis patience);

  // It has been reaped, or this process is not the arbiter any more.
  void forget() { pid_ = 0; }

 private:
  void kill() const;
  void finish();

  pid_t pid_;
  FdChannel end_;
  Instant born_;
  bool ready_ = false;
};

// What an interpreter must do around waiting and forking. Each may be empty.
struct ForkHooks {
  std::function<void()> before_wait;
  std::function<void()> after_wait;
  std::function<void()> reopen_logs;  // they were moved since the last order
  std::function<void(unsigned age)> about_to_fork;
  std::function<void()> before_fork;
  std::function<void()> after_fork_parent;
  std::function<void()> after_fork_child;
};

struct Assignment {
  ForkOrder order;
  Fd lifeline;
};

// The zygote's end. False: the arbiter is gone.
bool say_imported(int end);
// `rotations`: as in the orders, when the zygote was forked.
// nullopt: this is the zygote, and the arbiter wants no more workers of it.
std::optional<Assignment> serve_forks(Fd end, pid_t arbiter, std::uint32_t rotations,
                                      const ForkHooks& hooks);
// In the worker, before it touches anything that the arbiter may have given to another meanwhile. False: the
// arbiter has not learned of it, and never will.
bool await_begin(int lifeline);

}  // namespace winghorn::supervisor
