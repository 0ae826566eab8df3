// slot_row.h: which request one slot is running, in shared memory.
//
// One writer, the slot; readers in any process get the words of one request or "torn". What the request is
// stands in a row of its own (request_row.h), which this one refers to; Scoreboard::read_slot() puts the two
// together. A row says what was true last: after end() it still names the finished request, with the phase
// Idle. Zeroed memory is an idle row.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/sequence_lock.h"
#include "core/scoreboard/request_row.h"

namespace winghorn {

enum class SlotPhase : std::uint8_t {
  Idle,
  Running,              // in the application
  AwaitingInterpreter,  // wants the interpreter lock
  AwaitingBody,         // the application reads, the client has not sent it yet
  AwaitingRoom,         // the application writes, the client has not taken enough yet
};

Bytes name_of(SlotPhase phase);

struct SlotSnapshot {
  std::uint64_t id = 0;
  std::uint32_t request_row = kNoRequestRow;
  SlotPhase phase = SlotPhase::Idle;
  Instant started;
  RequestSnapshot request = {};  // by Scoreboard::read_slot(); empty when the request had no row

  bool busy() const { return phase != SlotPhase::Idle; }
};

class alignas(64) SlotRow {
 public:
  // The slot.
  void begin(std::uint64_t id, std::uint32_t request_row, Instant started);
  void phase(SlotPhase phase) {
    phase_.store(static_cast<std::uint64_t>(phase), std::memory_order_relaxed);
  }
  void end() { phase(SlotPhase::Idle); }

  // Anybody. nullopt: the slot was writing all the time.
  std::optional<SlotSnapshot> read() const;
  // When the writer is dead: what it left, even if it died in the middle of begin().
  SlotSnapshot read_dead() const;

  // The arbiter, before the seat's next owner.
  void reset();

 private:
  using Cell = std::atomic<std::uint64_t>;

  SlotSnapshot words() const;

  SequenceLock lock_;
  Cell id_;
  Cell request_row_;
  Cell started_;
  Cell phase_;  // outside the lock's protection: one word, always of the current request
};

}  // namespace winghorn
