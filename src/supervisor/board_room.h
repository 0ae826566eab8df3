// board_room.h: how much the scoreboard, made before the first fork, has room for.
//
// It cannot grow: what it has no room for, neither TTIN nor a reload can have.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/result.h"
#include "core/scoreboard/scoreboard.h"
#include "supervisor/arbiter.h"

namespace winghorn::supervisor {

// What TTIN may reach is what a reload may ask for: there are seats for two generations of as many.
unsigned most_workers(const Scoreboard& board);
Status check_room(const ArbiterSettings& settings, const Scoreboard& board);

}  // namespace winghorn::supervisor
