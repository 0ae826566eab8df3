// staged_arbiter.h: a real arbiter in a child process, with workers that play a part.
//
// The test tells the workers what to play through shared memory and sees what they do on the scoreboard,
// in the log file and in /proc. Every wait is for a condition and has a bound.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/log/log.h"
#include "core/scoreboard/scoreboard.h"
#include "supervisor/arbiter.h"

namespace winghorn::supervisor {

enum class Part : int {
  Serve,       // ready, beats, obeys
  Stubborn,    // ready, beats, obeys nobody
  FailToBoot,  // exit 3
  FailToLoad,  // exit 4
  EndAtBoot,   // killed by a signal before it is ready
  HangAtBoot,  // never ready
  Deaf,        // ready, then its lifeline is broken: only signals reach it
};

// What test, arbiter and workers share.
struct Stage {
  std::atomic<Part> part{Part::Serve};  // of workers that begin from now on
  std::atomic<pid_t> stuck{0};          // this one makes no more progress
  std::atomic<pid_t> orphans{0};        // this one leaves a child behind
  std::atomic<int> hanging{0};          // that have begun to hang at boot
  std::atomic<int> reopened{0};
  std::atomic<int> retired{0};  // asked to go while others serve
  std::atomic<int> stopped{0};  // asked to go with the whole server
  std::atomic<int> aborted{0};  // told that it makes no progress
  std::atomic<int> ports_seen{0};
  std::atomic<int> reload_workers{0};  // 0: as before
  std::atomic<unsigned> reload_threads{1};
  std::atomic<bool> reload_moves_log{false};  // to other_log_path(), and CRITICAL alone is wanted
  std::atomic<bool> reload_breaks_log{false};
  std::atomic<bool> reload_fails{false};
  std::atomic<std::uint16_t> reload_port{0};  // one more address
  std::atomic<bool> reload_drops_first{false};
  std::atomic<unsigned> most_processes{
      0};  // of the arbiter's user, as the kernel counts; 0: as it is
};

struct Staging {
  unsigned workers = 2;
  int timeout = 30;
  int graceful_timeout = 30;
  unsigned seats = 64;
  std::vector<config::BindAddress> addresses = {};  // none: 127.0.0.1, any port
  std::function<void()> before_run = {};            // in the arbiter's process
  Part first_part = Part::Serve;
  log::Level level = log::Level::Debug;
};

// True as soon as it holds; false when it never did.
bool comes_true(const std::function<bool()>& condition, int seconds = 20);

class StagedArbiter {
 public:
  explicit StagedArbiter(Staging staging = {});
  ~StagedArbiter();
  StagedArbiter(const StagedArbiter&) = delete;
  StagedArbiter& operator=(const StagedArbiter&) = delete;

  pid_t pid() const { return pid_; }
  Stage& stage() { return *stage_; }
  void send(int signal) const;
  // The exit status as a shell gives it; -1 when it does not end.
  int exit_status();
  int stop();

  std::vector<pid_t> ready() const;  // pids in Ready seats
  bool becomes_ready(unsigned count);
  bool none_left_of(const std::vector<pid_t>& workers) const;  // all reaped
  unsigned taken_seats() const;

  std::string log() const;
  bool logs(const std::string& text) const;  // sooner or later
  int count_in_log(const std::string& text) const;
  const std::string& log_path() const { return log_path_; }
  std::string other_log_path() const { return log_path_ + ".other"; }
  int port() const;  // of the first address

  std::vector<pid_t> children() const;  // zombies too
  static int open_descriptors(pid_t pid);

 private:
  ArbiterSettings settings(const Staging& staging) const;
  Hooks hooks(const Staging& staging) const;
  [[noreturn]] void run(const Staging& staging);

  std::string folder_;
  std::string log_path_;
  Stage* stage_ = nullptr;
  Scoreboard board_;
  pid_t pid_ = 0;
  bool has_ended_ = false;
};

bool accepts(int port);
// Ended; reaped or not.
bool is_gone(pid_t pid);

}  // namespace winghorn::supervisor
