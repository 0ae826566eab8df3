// own_listeners.h: a worker's own sockets at the addresses that the arbiter has reserved (reuse_port).
//
//   in the worker: bind_own(), as whom the arbiter is → identity, import → the engine listens
// Bound early, while the rights are there; listening late: what the kernel gives to a worker that still
// imports its application would wait for that, while others are free.
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "core/base/result.h"
#include "core/net/listener.h"

namespace winghorn::supervisor {

// Puts one of its own into the place of each that is reserved; the others are shared, and stay.
Status bind_own(std::vector<Listener>& listeners);

}  // namespace winghorn::supervisor
