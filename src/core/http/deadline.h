// deadline.h: the moment by which a request must be answered.
//
// The loop's owner sets it before the exchange is ready and asks whether it has passed; the application
// looks at it and may move it, on any thread. It passes once: from then on it cannot be moved, so what the
// owner has decided and what the application believes are never at odds.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>

#include "core/base/clock.h"

namespace winghorn {

class Deadline {
 public:
  // The owner, while nobody else has the exchange.
  void set(Instant when, Nanos limit, Nanos most_extension) {
    limit_ = limit;
    most_extension_ = most_extension;
    moment_.store(to_word(when), std::memory_order_relaxed);
    extension_left_.store(most_extension.count(), std::memory_order_relaxed);
  }
  void clear() { moment_.store(kNever, std::memory_order_relaxed); }

  // How long the request may take, what was added included.
  Nanos limit() const { return limit_ + most_extension_ - Nanos(extension_left_.load()); }

  // The owner: true once it is over, for good.
  bool expire(Instant now) {
    std::uint64_t seen = moment_.load(std::memory_order_acquire);
    while (seen > kPassed) {
      if (from_word(seen) > now) return false;
      if (moment_.compare_exchange_weak(seen, kPassed, std::memory_order_acq_rel)) return true;
    }
    return seen == kPassed;
  }

  // Anybody.
  bool is_set() const { return moment_.load(std::memory_order_acquire) != kNever; }
  bool has_passed() const { return moment_.load(std::memory_order_acquire) == kPassed; }
  // Only while it is set and has not passed.
  std::optional<Instant> when() const {
    const std::uint64_t seen = moment_.load(std::memory_order_acquire);
    return seen > kPassed ? std::optional(from_word(seen)) : std::nullopt;
  }

  // The application talks to its client by itself, for as long as it likes. False: it is too late.
  bool lift() {
    std::uint64_t seen = moment_.load(std::memory_order_acquire);
    while (seen > kPassed && !moment_.compare_exchange_weak(seen, kNever)) {
    }
    return seen != kPassed;
  }

  // The application: by how much it was moved, which is no more than may still be added.
  Nanos extend(Nanos by) {
    const Nanos granted = take_extension(by);
    std::uint64_t seen = moment_.load(std::memory_order_acquire);
    while (seen > kPassed && granted > Nanos(0)) {
      const std::uint64_t later = to_word(from_word(seen) + granted);
      if (moment_.compare_exchange_weak(seen, later, std::memory_order_acq_rel)) return granted;
    }
    extension_left_.fetch_add(granted.count(), std::memory_order_relaxed);
    return Nanos(0);
  }

 private:
  static constexpr std::uint64_t kNever = 0;
  static constexpr std::uint64_t kPassed = 1;

  Nanos take_extension(Nanos by) {
    Nanos::rep left = extension_left_.load(std::memory_order_relaxed);
    Nanos::rep granted = 0;
    do {
      granted = std::clamp<Nanos::rep>(by.count(), 0, left);
    } while (
        !extension_left_.compare_exchange_weak(left, left - granted, std::memory_order_relaxed));
    return Nanos(granted);
  }

  Nanos limit_{};
  Nanos most_extension_{};
  std::atomic<std::uint64_t> moment_{kNever};
  std::atomic<Nanos::rep> extension_left_{0};
};

}  // namespace winghorn
