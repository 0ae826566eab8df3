// request_start.h: what a proxy says about when it got a request: the field X-Request-Start.
//
// No standard: nginx's recipes send "t=1735689600.123" (seconds), HAProxy's and Heroku's "1735689600123"
// (milliseconds), others microseconds, with or without "t=". The unit is told by the size of the number.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "core/base/bytes.h"
#include "core/base/clock.h"

namespace winghorn {

// How long the request had been on its way at `now` on the wall clock (since 1970); never negative: the proxy's
// clock may be ahead of ours. nullopt: not such a value, or one from more than an hour ago, which no client
// waits: another clock, or a proxy that passes on what a client has made up.
std::optional<Nanos> waited_since(Bytes request_start, Nanos now);

}  // namespace winghorn
