// sequence_lock.h: one writer changes a group of words; readers get all of it from one moment, or nothing.
//
// The words are relaxed atomics that the caller owns; the lock is only the counter beside them. It is odd
// while the writer is inside. Writers never wait. A reader tries a bounded number of times and then
// says "torn", so that a writer that died inside costs its readers nothing. Zeroed memory is a free lock.
// Works between processes that share the memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

namespace winghorn {

class SequenceLock {
 public:
  // Between these two the words may be stored (relaxed). One writer at a time, in any thread.
  void begin() {
    const std::uint64_t odd = count_.load(std::memory_order_relaxed) | 1;
    count_.store(odd, std::memory_order_relaxed);
    release_fence();
  }
  void end() {
    count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // Calls copy() until it saw one state; false when it never did. copy() loads the words (relaxed).
  template <class Copy>
  bool read(Copy copy) const {
    for (int tries = 0; tries < kTries; ++tries) {
      const std::uint64_t before = count_.load(std::memory_order_acquire);
      if (before & 1) continue;
      copy();
      acquire_fence();
      if (count_.load(std::memory_order_relaxed) == before) return true;
    }
    return false;
  }

 private:
  static constexpr int kTries = 64;

  // TSan does not model fences (hence -Wno-tsan in its build). It has nothing to miss here: every word
  // is atomic, and what the fences order is checked by the readers' second look at the counter.
  //
  // A fence, not a read-modify-write: an exchange with acq_rel would not keep the relaxed stores that
  // follow it from being seen before it (C++20 [atomics.fences]); on x86 the fence costs nothing.
  static void release_fence() { std::atomic_thread_fence(std::memory_order_release); }
  static void acquire_fence() { std::atomic_thread_fence(std::memory_order_acquire); }

  std::atomic<std::uint64_t> count_{0};
};

}  // namespace winghorn
