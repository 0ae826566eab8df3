// fault_signals.h: the signals by which a process dies of its own code, and what threads need for them.
//
// A fault on a thread that blocks its signal ends the process without any handler, and a handler for a
// stack that has run out needs another one to run on. So threads of ours never block these, and each has
// a SignalStack. Threads that the application starts have none: there a stack overflow ends the process
// without a word.
// SPDX-License-Identifier: MIT
#pragma once

#include <signal.h>

#include <array>
#include <cstddef>

namespace winghorn {

inline constexpr std::array kFaultSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

// For threads that leave signals to the main thread.
sigset_t all_signals_but_faults();

// Handlers with SA_ONSTACK run on it, on the thread that made it and until it goes, on the same thread.
// Without memory for it the thread goes on as it was.
class SignalStack {
 public:
  SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  ~SignalStack();

 private:
  void* memory_ = nullptr;
  stack_t before_{};
};

}  // namespace winghorn
