// crash_signals.h: what a worker does about the signals of which processes die.
//
// SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT: the clients are answered, the log is written, then the action
// that was there before is put back and the same signal comes again, with the same circumstances. So
// faulthandler prints, a core file shows the instruction at fault, and the process dies by that signal.
// SIGABRT from the arbiter is no crash but an order.
//
// A handler that some library put there before is left alone: a WebAssembly or Java runtime lives with faults
// of its own and would not survive being taken for a crash. One that the application puts there later runs
// first; faulthandler's then has ours called by raising the signal again, others mostly do the like.
// os._exit() and SIGKILL leave nobody who could answer.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include "core/engine/engine.h"

namespace winghorn {

// Once, after the application was imported. The calling thread has a SignalStack, or overflowing its stack
// ends the process without a word.
void handle_crashes(Engine& engine, pid_t arbiter);
// In a child that the application forked: as it was before. Async-signal-safe.
void forget_crashes_in_child();

}  // namespace winghorn
