// fence.h: a fence that is paid for by the rare side.
//
// The pair store-then-load on one side against store-then-load on the other needs a full fence on both.
// Where membarrier(2) works, the frequent side pays a compiler barrier only (light) and the rare side
// interrupts the process's other cores (heavy). Where a sandbox refuses it, both are full fences.
// Call register_fences() once in each process, after fork and before the first pair runs.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

namespace winghorn {

extern std::atomic<bool> membarrier_works;

void register_fences();

inline void light_fence() {
  if (membarrier_works.load(std::memory_order_relaxed)) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

void heavy_fence();

}  // namespace winghorn
