// ring_writer.h: takes finished lines out of a ring and writes them to their sinks.
//
// In order, except that while one sink is busy the other kind's lines go past it (unless both are the same
// place). A line leaves the ring after it was written. When a busy sink holds up a ring that is nearly
// full, its oldest lines are dropped and counted, so that it does not silence the other.
// One thread at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log_ring.h"
#include "core/log/outlets.h"

namespace winghorn::log {

class RingWriter {
 public:
  enum class Step : std::uint8_t { Empty, Wrote, Blocked };

  RingWriter(LogRing& ring, Outlets& outlets) : ring_(ring), outlets_(outlets) {}

  LogRing& ring() { return ring_; }
  Step step();
  // After Blocked. True: there seems to be room.
  bool wait_for_room(Millis patience) { return outlets_.of(blocked_).wait_for_room(patience); }

  // One WARNING with the number of lines lost so far; at most one a second.
  void report_drops(Instant now);
  bool owes_report() const { return !report_failed_ && ring_.unreported() > 0; }

 private:
  enum class Attempt : std::uint8_t { NothingThere, Busy, Done };
  enum class Order : std::uint8_t { InTurn, OutOfTurn };

  bool find_first(LogRing::Record& first);
  Attempt write_batch(LogKind kind, Order order);
  std::uint64_t gather(LogKind kind, Order order);
  void discard_stalled();

  LogRing& ring_;
  Outlets& outlets_;
  LogKind blocked_ = LogKind::Error;
  std::string batch_;
  std::vector<std::uint64_t> out_of_turn_;  // positions of what is in the batch
  Instant next_report_;
  bool report_failed_ = false;
};

}  // namespace winghorn::log
