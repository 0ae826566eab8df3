// bind_patiently.h: gunicorn's way to a bound address, with its log lines.
//
// Five attempts a second apart, each logged, then "Can't connect to ...". A taken port is explained: which
// process holds it, when that can be seen. What time does not heal (no right to the port, a file in the
// way, an unknown name) is said in one line and not tried again.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/net/listener.h"

namespace winghorn {

// Waits that long and says true, or false at once when the caller wants to give up.
using Pause = std::function<bool(Millis)>;

// A Failure has been logged already; its code is EINTR when the pause said so.
Result<Listener> bind_patiently(const ListenAddress& address, const BindOptions& options,
                                const Pause& pause);

// The lines of one refused attempt.
void log_refused_bind(const ListenAddress& address, const Failure& failure);

}  // namespace winghorn
