// park.h: a thread sleeps on a word until another thread changes it and rings.
//
// Linux futexes. wait() returns when the word no longer holds `seen`, on ring(), at the deadline, on a
// signal, or for no reason: callers look at their own condition again. Interrupted says that a signal
// handler ran, so a Python main thread can look for its signals (a condition variable would hide it).
// Private to the process: the words must not lie in memory shared with another one.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "core/base/clock.h"

namespace winghorn {

enum class Wake : std::uint8_t { Rung, TimedOut, Interrupted };

Wake wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t seen,
                std::optional<Nanos> patience = std::nullopt);
void ring_one(std::atomic<std::uint32_t>& word);
void ring_all(std::atomic<std::uint32_t>& word);

}  // namespace winghorn
