// SPDX-License-Identifier: MIT
#include "python/gil/forked_child.h"

#include <pthread.h>
#include <unistd.h>

namespace winghorn::gil {

std::atomic<bool> forked_child{false};

void after_fork_in_child() noexcept { forked_child.store(true, std::memory_order_relaxed); }

void watch_forks() {
  static const int registered = ::pthread_atfork(nullptr, nullptr, after_fork_in_child);
  (void)registered;  // fails only without memory, and then the next allocation fails too
  forked_child.store(false, std::memory_order_relaxed);
}

void end_forked_child() noexcept { ::_exit(0); }

}  // namespace winghorn::gil
