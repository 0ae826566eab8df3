// SPDX-License-Identifier: MIT
#include "core/engine/request_clocks.h"

#include <algorithm>

#include "core/http/grammar.h"

namespace winghorn {

RequestClocks::RequestClocks(const RequestTimes& times) : times_(times) {
  slow_.set_patience(times.slow);
  waiting_.set_patience(times.queue);
  if (times.timeout > Nanos(0)) common_ = &group_of(times.timeout);
  for (const auto& [prefix, patience] : times.by_prefix) {
    prefixes_.emplace_back(prefix, patience > Nanos(0) ? &group_of(patience) : nullptr);
  }
  std::ranges::stable_sort(prefixes_, std::ranges::greater{},
                           [](const auto& row) { return row.first.size(); });
}

RequestClocks::Group& RequestClocks::group_of(Nanos patience) {
  const auto found = std::ranges::find(groups_, patience, &Group::patience);
  if (found != groups_.end()) return *found;
  Group& made = groups_.emplace_back();
  made.patience = patience;
  made.list.set_patience(patience);
  return made;
}

// As the application sees the path: another spelling of it has no other time.
RequestClocks::Group* RequestClocks::group_for(Bytes path) {
  std::string scratch;
  if (!prefixes_.empty() && path.find('%') != Bytes::npos) path = percent_decoded(path, scratch);
  for (const auto& [prefix, group] : prefixes_) {
    if (path.starts_with(prefix)) return group;
  }
  return common_;
}

void RequestClocks::begin(RequestClock& clock, Exchange& exchange, Instant ready) {
  Group* const group = group_for(exchange.head.path);
  if (group == nullptr && times_.slow <= Nanos(0) && times_.queue <= Nanos(0)) return;
  clock.exchange = &exchange;
  clock.deadline.clock = clock.slowness.clock = clock.waiting.clock = &clock;
  if (group != nullptr) {
    exchange.deadline.set(ready + group->patience, group->patience, times_.extension);
    group->list.arm(clock.deadline, ready);
  }
  if (times_.slow > Nanos(0)) slow_.arm(clock.slowness, ready);
  if (times_.queue > Nanos(0)) waiting_.arm(clock.waiting, ready);
}

void RequestClocks::end(RequestClock& clock) {
  if (clock.exchange == nullptr) return;
  clock.exchange = nullptr;
  DeadlineList::disarm(clock.deadline);
  DeadlineList::disarm(clock.slowness);
  DeadlineList::disarm(clock.waiting);
  if (clock.moved_to) moved_.erase({*clock.moved_to, &clock});
  clock.moved_to.reset();
}

// One that has been moved is put where it now belongs.
bool RequestClocks::is_overdue(RequestClock& clock, Instant now) {
  if (clock.exchange->deadline.expire(now)) return true;
  DeadlineList::disarm(clock.deadline);
  if (clock.moved_to) moved_.erase({*clock.moved_to, &clock});
  clock.moved_to = clock.exchange->deadline.when();
  if (clock.moved_to) moved_.emplace(*clock.moved_to, &clock);
  return false;
}

Exchange* RequestClocks::finish(RequestClock& clock) {
  Exchange* const exchange = clock.exchange;
  end(clock);
  return exchange;
}

Exchange* RequestClocks::next_overdue(Instant now) {
  for (Group& group : groups_) {
    while (DeadlineNode* const node = group.list.expired(now)) {
      RequestClock& clock = *static_cast<RequestClock::Node*>(node)->clock;
      if (is_overdue(clock, now)) return finish(clock);
    }
  }
  while (!moved_.empty() && moved_.begin()->first <= now) {
    RequestClock& clock = *moved_.begin()->second;
    if (is_overdue(clock, now)) return finish(clock);
  }
  return nullptr;
}

Exchange* RequestClocks::next_slow(Instant now) { return take_expired(slow_, now); }

Exchange* RequestClocks::next_kept_waiting(Instant now) { return take_expired(waiting_, now); }

Exchange* RequestClocks::take_expired(DeadlineList& list, Instant now) {
  DeadlineNode* const node = list.expired(now);
  if (node == nullptr) return nullptr;
  DeadlineList::disarm(*node);
  return static_cast<RequestClock::Node*>(node)->clock->exchange;
}

std::optional<Instant> RequestClocks::next_due() const {
  std::optional<Instant> next;
  const auto consider = [&next](Instant moment) { next = next ? std::min(*next, moment) : moment; };
  for (const Group& group : groups_) {
    if (!group.list.empty()) consider(group.list.first());
  }
  if (!slow_.empty()) consider(slow_.first());
  if (!waiting_.empty()) consider(waiting_.first());
  if (!moved_.empty()) consider(moved_.begin()->first);
  return next;
}

}  // namespace winghorn
