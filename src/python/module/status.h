// status.h: _core.status(): what the scoreboard says of every worker, for whoever wants to show it.
// SPDX-License-Identifier: MIT
#pragma once

#include <nanobind/nanobind.h>

#include "core/scoreboard/scoreboard.h"

namespace winghorn {

void bind_status(nanobind::module_& module);

// In the arbiter, before the first fork: the board must stay as long as the process. Without one, or with
// nullptr, there are no workers to tell of.
void show_status_of(const Scoreboard* board);

}  // namespace winghorn
