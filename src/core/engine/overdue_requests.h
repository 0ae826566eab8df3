// overdue_requests.h: what becomes of requests whose deadline has passed, and what is told of slow ones.
//
// Their clients have been answered by whoever runs the loop; this sees to the code that still runs:
//
//   noted -> stacks are waited for -> told -> being stopped -> its slot has come back
//                                                         `-> it has not within the grace: given up
//
// First the stacks are taken, so that they show where the code stood; then it is interrupted, again and
// again until it comes back. A slot that is given up is replaced, or the worker asks for its successor.
// A slow request is only told, and so is one that no slot had begun.
// note() may be called by any thread; the rest belongs to the watchdog.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/log/incident.h"

namespace winghorn {

class Engine;

struct OverdueRequest {
  log::Incident incident;
  Instant since;       // when it was described
  bool begun = false;  // a slot runs it
};

class OverdueRequests {
 public:
  explicit OverdueRequests(Engine& engine) : engine_(engine) {}

  void note(OverdueRequest request);

  void turn(Instant now);
  // There is something to be done soon: do not sleep.
  bool is_busy() const { return !waiting_for_stacks_.empty() || !stopping_.empty(); }

 private:
  struct Stopping {
    std::uint64_t exchange = 0;
    unsigned slot = 0;
    Instant since;
    Instant next_try;  // to interrupt it
  };

  void take_noted(Instant now);
  void take_stacks(Instant now);
  void tell(OverdueRequest& request, const std::string& stacks, Millis patience);
  void stop(Instant now);
  void give_up(const Stopping& one);
  bool has_come_back(const Stopping& one) const;

  Engine& engine_;
  std::mutex mutex_;  // of noted_
  std::vector<OverdueRequest> noted_;
  std::vector<OverdueRequest> waiting_for_stacks_;
  Instant stacks_asked_at_;
  Instant last_stacks_;
  std::vector<Stopping> stopping_;
};

}  // namespace winghorn
