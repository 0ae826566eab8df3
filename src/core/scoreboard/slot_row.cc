// SPDX-License-Identifier: MIT
#include "core/scoreboard/slot_row.h"

namespace winghorn {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

Bytes name_of(SlotPhase phase) {
  switch (phase) {
    case SlotPhase::Idle:
      return "idle";
    case SlotPhase::Running:
      return "running";
    case SlotPhase::AwaitingInterpreter:
      return "waiting for the interpreter";
    case SlotPhase::AwaitingBody:
      return "waiting for the request's body";
    case SlotPhase::AwaitingRoom:
      return "waiting for the client to read";
  }
  return "unknown";  // a dead writer's memory may hold anything
}

void SlotRow::begin(std::uint64_t id, std::uint32_t request_row, Instant started) {
  lock_.begin();
  id_.store(id, kRelaxed);
  request_row_.store(request_row, kRelaxed);
  started_.store(to_word(started), kRelaxed);
  phase(SlotPhase::Running);
  lock_.end();
}

std::optional<SlotSnapshot> SlotRow::read() const {
  SlotSnapshot snapshot;
  if (!lock_.read([&] { snapshot = words(); })) return std::nullopt;
  return snapshot;
}

SlotSnapshot SlotRow::read_dead() const { return words(); }

SlotSnapshot SlotRow::words() const {
  SlotSnapshot snapshot;
  snapshot.id = id_.load(kRelaxed);
  snapshot.request_row = static_cast<std::uint32_t>(request_row_.load(kRelaxed));
  snapshot.phase = static_cast<SlotPhase>(phase_.load(kRelaxed));
  snapshot.started = from_word(started_.load(kRelaxed));
  return snapshot;
}

void SlotRow::reset() {
  begin(0, kNoRequestRow, Instant());
  end();
}

}  // namespace winghorn
