// SPDX-License-Identifier: MIT
#include "core/engine/overdue_requests.h"

#include <algorithm>
#include <utility>

#include "core/engine/engine.h"

namespace winghorn {
namespace {

constexpr Millis kStacksPatience{10};  // then they are taken without the interpreter's help
constexpr Seconds kBetweenStacks{1};   // taking them stops every thread for a moment
constexpr Millis kBetweenInterrupts{5};
constexpr Millis kLogPatience{100};

// Stands for stacks that the log has a moment before.
constexpr const char* kAbove = "  as in the record of a request a moment before";

bool is_slow(const OverdueRequest& request) {
  return request.incident.kind == log::Incident::Kind::Slow;
}

}  // namespace

void OverdueRequests::note(OverdueRequest request) {
  {
    const std::scoped_lock lock(mutex_);
    noted_.push_back(std::move(request));
  }
  engine_.doorbell_.wake();
}

void OverdueRequests::turn(Instant now) {
  take_noted(now);
  if (!waiting_for_stacks_.empty()) take_stacks(now);
  stop(now);
}

void OverdueRequests::take_noted(Instant now) {
  std::vector<OverdueRequest> noted;
  {
    const std::scoped_lock lock(mutex_);
    noted.swap(noted_);
  }
  for (OverdueRequest& request : noted) {
    if (!request.begun) {
      tell(request, {}, Millis(0));
    } else if (now - last_stacks_ < kBetweenStacks) {
      tell(request, kAbove, Millis(0));
    } else {
      if (waiting_for_stacks_.empty()) {
        stacks_asked_at_ = now;
        engine_.events_.ask_for_stacks();
      }
      waiting_for_stacks_.push_back(std::move(request));
    }
  }
}

// All that wait share what comes.
void OverdueRequests::take_stacks(Instant now) {
  std::optional<std::string> stacks = engine_.events_.asked_stacks();
  if (!stacks && now - stacks_asked_at_ < kStacksPatience) return;
  if (!stacks) stacks = engine_.events_.stacks();
  last_stacks_ = now;
  // Whoever runs the loop may be here: only the record with the stacks is worth a wait.
  Millis patience = kLogPatience;
  for (OverdueRequest& request : std::exchange(waiting_for_stacks_, {})) {
    tell(request, *stacks, std::exchange(patience, Millis(0)));
    stacks = kAbove;
  }
}

void OverdueRequests::tell(OverdueRequest& request, const std::string& stacks, Millis patience) {
  log::Incident& incident = request.incident;
  incident.stacks = stacks;
  const bool goes_on = is_slow(request);
  log::say_incident(goes_on ? log::Level::Warning : log::Level::Error, incident, patience);
  if (request.begun && !goes_on) {
    stopping_.push_back({incident.request, *incident.slot, request.since, request.since});
  }
}

bool OverdueRequests::has_come_back(const Stopping& one) const {
  return engine_.slots_[one.slot]->exchange() != one.exchange;
}

void OverdueRequests::stop(Instant now) {
  std::erase_if(stopping_, [&](Stopping& one) {
    if (has_come_back(one)) return true;
    // An interrupt wakes this thread too: it must not be the reason for the next.
    if (now >= one.next_try) {
      engine_.application_.stop(one.slot, one.exchange);
      one.next_try = now + kBetweenInterrupts;
    }
    if (now - one.since < engine_.settings_.request_times.grace) return false;
    give_up(one);
    return true;
  });
}

void OverdueRequests::give_up(const Stopping& one) {
  const std::optional<unsigned> spare = engine_.take_spare_slot();
  engine_.given_up_.fetch_add(1, std::memory_order_acq_rel);
  if (!engine_.slots_[one.slot]->give_up(one.exchange, spare.has_value())) {
    engine_.given_up_.fetch_sub(1, std::memory_order_acq_rel);
    if (spare) engine_.return_spare_slot(*spare);
  } else if (spare) {
    log::warning("Request {} does not end in slot {}: slot {} takes its place", one.exchange,
                 one.slot, *spare);
    engine_.want_thread_for(*spare);
  } else {
    log::warning("Request {} does not end in slot {}: this worker asks for its successor",
                 one.exchange, one.slot);
    engine_.ask_for_successor();
  }
}

}  // namespace winghorn
