// request_clocks.h: when each request must be answered, has waited too long, or is slow enough to be told of.
//
// A path has its time: that of the longest prefix in RequestTimes::by_prefix, else the common one. Requests
// that have equally long stand in one list, so that beginning and ending cost the same however many there
// are; those whose application has moved its deadline stand apart, by their moment. Nothing is done for
// times that are 0. The loop's owner's alone.
// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/deadline_list.h"
#include "core/engine/engine_settings.h"
#include "core/http/exchange.h"

namespace winghorn {

// The clocks of one exchange; lies in its connection.
struct RequestClock {
  struct Node : DeadlineNode {
    RequestClock* clock = nullptr;
  };

  Exchange* exchange = nullptr;  // null: no clock runs
  Node deadline;
  Node slowness;
  Node waiting;
  std::optional<Instant> moved_to;  // of a deadline that stands apart
};

class RequestClocks {
 public:
  explicit RequestClocks(const RequestTimes& times);

  void begin(RequestClock& clock, Exchange& exchange, Instant ready);
  void end(RequestClock& clock);

  // The next exchange whose deadline has passed, its clocks ended; null when none has.
  Exchange* next_overdue(Instant now);
  // The next that has become slow; it is told once.
  Exchange* next_slow(Instant now);
  // The next that could run so long ago that it should not wait any more, if it still does; once for each.
  Exchange* next_kept_waiting(Instant now);
  // When one of them may have something to say.
  std::optional<Instant> next_due() const;

 private:
  using Moved = std::set<std::pair<Instant, RequestClock*>>;
  struct Group {
    Nanos patience;
    DeadlineList list;
  };

  Group& group_of(Nanos patience);
  Group* group_for(Bytes path);
  bool is_overdue(RequestClock& clock, Instant now);
  Exchange* finish(RequestClock& clock);
  static Exchange* take_expired(DeadlineList& list, Instant now);

  const RequestTimes& times_;
  std::deque<Group> groups_;                              // one for each time
  std::vector<std::pair<std::string, Group*>> prefixes_;  // the longest first; null: for ever
  Group* common_ = nullptr;
  Moved moved_;
  DeadlineList slow_;
  DeadlineList waiting_;
};

}  // namespace winghorn
