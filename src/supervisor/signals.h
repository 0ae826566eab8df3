// signals.h: the signals of the arbiter, one byte each in a pipe.
//
// A handler writes the signal's number and nothing else; the loop takes them in the order they came.
// SIGPIPE is ignored meanwhile. One at a time in a process.
// Fork: block_all() before it, in the child forget() before unblocking: a signal that reaches the child
// must never be written into the parent's pipe.
// SPDX-License-Identifier: MIT
#pragma once

#include <signal.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"

namespace winghorn::supervisor {

class SignalPipe {
 public:
  // The handlers are in place from here on until the object goes.
  static Result<SignalPipe> install();

  SignalPipe(SignalPipe&&) = default;
  SignalPipe& operator=(SignalPipe&&) = delete;
  ~SignalPipe();

  int fd() const { return read_end_.get(); }
  std::vector<int> take() const;

  // In a forked child: default actions, ends closed.
  void forget();

 private:
  SignalPipe(Fd read_end, Fd write_end)
      : read_end_(std::move(read_end)), write_end_(std::move(write_end)) {}

  Fd read_end_;
  Fd write_end_;
  std::vector<struct sigaction> before_;
};

// No signal is delivered to this thread while one of these exists.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked() { restore(); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  void restore();
  // In a forked child: whatever was blocked before, nothing is now.
  void unblock_all();

 private:
  sigset_t before_{};
  bool is_blocking_ = true;
};

// "hup" for SIGHUP, as gunicorn's log spells it; "signal 64" for one without a name.
std::string lower_name_of(int signal);

}  // namespace winghorn::supervisor
