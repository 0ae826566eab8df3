// stepped_sync.h: what LoopOwnership runs on under an Interleaving: the same shape as RealSync.
//
// Every operation is a step. A store may be seen late by the others, as a processor's store buffer makes
// it: then until its actor does an atomic exchange, takes or leaves a lock, rings a bell, waits or stores
// again (x86's order; weaker ones are ThreadSanitizer's business), or until anybody's heavy fence, which
// is what membarrier(2) does to all of a process's threads. A light fence does nothing here.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "interleaving.h"

namespace winghorn::testing {

struct SteppedSync {
  // A mistake to be noticed; both are reset by prepare().
  inline static bool fences_work = true;
  inline static bool exchanges_compare = true;
  inline static bool stores_are_late = false;  // whether that is tried: it costs many runs
  inline static bool peeking = false;          // loads are the test's own: no steps
  inline static int signals = 0;               // so many waits for a bell end by a signal handler

  static void prepare() {
    fences_work = exchanges_compare = true;
    stores_are_late = peeking = false;
    signals = 0;
    late_.clear();
  }

  class Stored {
   public:
    virtual ~Stored() = default;
    virtual void land() = 0;
  };

  template <class T>
  class Atomic final : public Stored {
   public:
    Atomic(T value = T()) : value_(value) {}  // NOLINT(google-explicit-constructor)
    T load(std::memory_order) const {
      if (!Interleaving::running() || peeking) return value_;
      Interleaving::current().step("load");
      return is_late_ && writer_ == Interleaving::current().me() ? coming_ : value_;
    }
    void store(T value, std::memory_order) {
      if (!Interleaving::running()) {
        value_ = value;
        return;
      }
      Interleaving& run = Interleaving::current();
      run.step("store");
      land_own();
      if (stores_are_late && run.maybe("that store is seen late")) {
        coming_ = value;
        is_late_ = true;
        writer_ = run.me();
        late_.push_back({writer_, this});
      } else {
        value_ = value;
      }
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order, std::memory_order) {
      Interleaving::current().step("compare and exchange");
      land_own();
      if (value_ != expected && exchanges_compare) {
        expected = value_;
        return false;
      }
      value_ = desired;
      return true;
    }
    void land() override {
      value_ = coming_;
      is_late_ = false;
    }

   private:
    T value_;
    T coming_{};
    bool is_late_ = false;
    std::size_t writer_ = 0;
  };

  class Mutex {
   public:
    void lock() {
      Interleaving::current().block_until("lock", [this] { return !locked_; });
      land_own();
      locked_ = true;
    }
    void unlock() {
      land_own();
      locked_ = false;
    }

   private:
    bool locked_ = false;
  };

  class Bell {
   public:
    std::uint32_t value() const { return rung_; }
    bool wait(std::uint32_t seen) {
      land_own();
      Interleaving::current().block_until("wait for the bell",
                                          [this, seen] { return rung_ != seen || signals > 0; });
      if (rung_ != seen) return false;
      --signals;
      return true;
    }
    void ring() {
      land_own();
      ++rung_;
    }

   private:
    std::uint32_t rung_ = 0;
  };

  class WatchdogBell {
   public:
    void ring() {
      land_own();
      rung_ = true;
    }
    void clear() { rung_ = false; }
    bool rung() const { return rung_; }

   private:
    bool rung_ = false;
  };

  static void light_fence() {}
  static void heavy_fence() {
    if (!fences_work) return;
    for (const Late& one : late_) one.stored->land();
    late_.clear();
  }
  // What this actor has stored is seen by all.
  static void land_own() {
    if (late_.empty()) return;
    const std::size_t me = Interleaving::current().me();
    for (const Late& one : late_) {
      if (one.writer == me) one.stored->land();
    }
    std::erase_if(late_, [me](const Late& one) { return one.writer == me; });
  }

 private:
  struct Late {
    std::size_t writer;
    Stored* stored;
  };
  inline static std::vector<Late> late_;
};

}  // namespace winghorn::testing
