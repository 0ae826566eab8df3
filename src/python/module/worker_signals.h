// worker_signals.h: a worker's signals, as C functions that do next to nothing.
//
// Orders come over the lifeline; signals are the outer face, for people and process managers, and a
// handler that the application replaces harms nothing. SIGABRT, an order or a crash, is in crash_signals.h.
// SPDX-License-Identifier: MIT
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "core/engine/engine.h"
#include "core/scoreboard/seat_row.h"

namespace winghorn {

// While the application is imported: TERM, INT and QUIT end the process at once. Here and later the seat is
// told who else than the arbiter has sent a signal that ends a worker.
void install_boot_signals(SeatRow& seat, pid_t arbiter);
// From then on: TERM retires, INT and QUIT quit, USR1 reopens the logs.
void install_serving_signals(Engine& engine);
// Tells the seat who has sent this worker a signal that ends it. Async-signal-safe.
void note_sender(int signal, const siginfo_t& info);
// In a child that the application forked: what is still ours has its default action again, so that the
// application can end its child by SIGTERM. Async-signal-safe.
void forget_signals_in_child();

}  // namespace winghorn
