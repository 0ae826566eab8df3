// real_sync.h: what LoopOwnership runs on in a worker: std atomics, futex bells, an eventfd.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "core/base/fence.h"
#include "core/base/park.h"
#include "core/net/wake.h"

namespace winghorn {

struct RealSync {
  template <class T>
  using Atomic = std::atomic<T>;
  using Mutex = std::mutex;

  class Bell {
   public:
    std::uint32_t value() const { return rung_.load(std::memory_order_acquire); }
    // True when a signal handler ran on this thread meanwhile.
    bool wait(std::uint32_t seen) { return wait_while(rung_, seen) == Wake::Interrupted; }
    void ring() {
      rung_.fetch_add(1, std::memory_order_release);
      ring_one(rung_);
    }

   private:
    std::atomic<std::uint32_t> rung_{0};
  };

  // The watchdog sleeps in poll(2), because it also waits for the arbiter's orders.
  class WatchdogBell {
   public:
    explicit WatchdogBell(WakeSignal signal) : signal_(std::move(signal)) {}
    void ring() { signal_.wake(); }
    void clear() { signal_.clear(); }
    int fd() const { return signal_.fd(); }

   private:
    WakeSignal signal_;
  };

  static void light_fence() { winghorn::light_fence(); }
  static void heavy_fence() { winghorn::heavy_fence(); }
};

}  // namespace winghorn
