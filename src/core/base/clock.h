// clock.h: the one clock that limits and heartbeats are measured with.
//
// Monotonic, unmoved by corrections of the wall clock, and comparable between processes of one
// machine (CLOCK_MONOTONIC), so it may be written into shared memory. Code that decides takes an
// Instant as a parameter; only loops and edges call now().
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

namespace winghorn {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

inline Instant now() { return Clock::now(); }

// How an Instant is kept in shared memory; 0 stands for "never".
inline std::uint64_t to_word(Instant when) {
  return static_cast<std::uint64_t>(when.time_since_epoch().count());
}
inline Instant from_word(std::uint64_t word) {
  return Instant(Clock::duration(static_cast<Clock::rep>(word)));
}

}  // namespace winghorn
