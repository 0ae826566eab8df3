// forked_child.h: whether this process is a child that an application forked.
//
// Such a child has our memory but none of our threads, and its parent still answers the request. It
// may go on as whatever the application wanted, but when it comes back from the application it must
// end. watch_forks() once in each process that serves, after its own fork; from then on a child
// made by fork() or os.fork() (not by vfork or exec, which never come back) knows that it is one.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

namespace winghorn::gil {

extern std::atomic<bool> forked_child;

void watch_forks();
// What watch_forks() has the C library call; public for hosts that fork by other means.
void after_fork_in_child() noexcept;

inline bool in_forked_child() { return forked_child.load(std::memory_order_relaxed); }
// Ends a child that came back from the application: without cleaning up what its parent uses.
[[noreturn]] void end_forked_child() noexcept;

}  // namespace winghorn::gil
