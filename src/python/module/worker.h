// worker.h: what a forked worker does: load the application, serve, go.
//
// Called in the child with the interpreter lock held; returns the exit code and does not finalize the
// interpreter: threads of the application may still run, and finalizing beside them aborts.
// SPDX-License-Identifier: MIT
#pragma once

#include <nanobind/nanobind.h>

#include "core/config/settings.h"
#include "supervisor/worker_place.h"

namespace winghorn {

// In the zygote: imports the application. 0, or the code with which the zygote should exit.
int run_preload(const nanobind::object& generation, const nanobind::object& server, pid_t arbiter);

// `generation` and `server`, the arbiter as hooks see it, are winghorn.server's.
int run_worker(supervisor::WorkerPlace& place, const nanobind::object& generation,
               const nanobind::object& server);

// In a worker: what runs gets on, although it has not returned.
void note_progress();

// In a worker: have the arbiter reload, as by HUP. False: it is gone, or there is none.
bool ask_for_reload();

}  // namespace winghorn
