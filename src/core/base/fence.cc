// SPDX-License-Identifier: MIT
#include "core/base/fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace winghorn {

std::atomic<bool> membarrier_works{false};

namespace {

bool membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0) == 0; }

}  // namespace

void register_fences() {
  membarrier_works.store(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED),
                         std::memory_order_relaxed);
}

void heavy_fence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (membarrier_works.load(std::memory_order_relaxed))
    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

}  // namespace winghorn
