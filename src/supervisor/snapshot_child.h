// snapshot_child.h: does something in a copy of this process in which nothing else runs.
//
// For looking at memory that other threads are changing: in the copy it stands still. Made by a bare
// clone(): no fork handlers run and no SIGCHLD is sent, so nobody else notices or reaps it. Whatever it does
// must be async-signal-safe, and it is killed when it takes too long.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

#include "core/base/clock.h"

namespace winghorn::supervisor {

struct Snapshot {
  std::string text;    // what `in_child` wrote into the pipe
  bool whole = false;  // false: the child crashed, was killed, or could not be made
};

// `read_end`, non-blocking, is of a pipe that `in_child` writes to.
Snapshot read_from_snapshot(int read_end, const std::function<void()>& in_child, Millis patience);

}  // namespace winghorn::supervisor
