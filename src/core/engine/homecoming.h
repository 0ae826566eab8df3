// homecoming.h: how exchanges that run away from the loop come back to its owner.
//
// Slots that do not run the loop put their exchange here, when its reply has something new and once more
// when it is done; the owner's poller sees the wake-up and drains. An exchange lies here at most once.
// After done() the slot may not touch the exchange again: the owner may have given it to another request.
// SPDX-License-Identifier: MIT
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "core/http/exchange.h"
#include "core/net/wake.h"

namespace winghorn {

class Homecoming {
 public:
  explicit Homecoming(WakeSignal wake) : wake_(std::move(wake)) {}

  // Any thread.
  void publish(Exchange& exchange) { note(exchange, kHere); }
  void done(Exchange& exchange) { note(exchange, kHere | kDone); }
  void wake() const { wake_.wake(); }
  int fd() const { return wake_.fd(); }

  // The loop's owner. visit(exchange, done) for each that came.
  template <class Visit>
  void drain(Visit visit) {
    wake_.clear();
    {
      const std::scoped_lock lock(mutex_);
      std::swap(came_, visiting_);
    }
    for (Exchange* exchange : visiting_) {
      const unsigned marks = exchange->home_marks.exchange(0, std::memory_order_acq_rel);
      visit(*exchange, (marks & kDone) != 0);
    }
    visiting_.clear();
  }
  bool waiting() const {
    const std::scoped_lock lock(mutex_);
    return !came_.empty();
  }

 private:
  static constexpr unsigned kHere = 1;
  static constexpr unsigned kDone = 2;

  void note(Exchange& exchange, unsigned marks) {
    // One step for both marks: between two steps the owner could close an exchange that is done.
    if ((exchange.home_marks.fetch_or(marks, std::memory_order_acq_rel) & kHere) != 0) return;
    bool first = false;
    {
      const std::scoped_lock lock(mutex_);
      first = came_.empty();
      came_.push_back(&exchange);
    }
    if (first) wake_.wake();
  }

  WakeSignal wake_;
  mutable std::mutex mutex_;
  std::vector<Exchange*> came_;
  std::vector<Exchange*> visiting_;
};

}  // namespace winghorn
