// SPDX-License-Identifier: MIT
#include "core/scoreboard/seat_row.h"

namespace winghorn {

std::optional<SignalSender> SeatRow::last_signal() const {
  const std::uint64_t word = signals.last_signal.get();
  if (word == 0) return std::nullopt;
  return SignalSender{static_cast<int>(word >> 32), static_cast<std::uint32_t>(word)};
}

void SeatRow::note_signal(SignalSender sender) {
  signals.last_signal.set(static_cast<std::uint64_t>(sender.signal) << 32 | sender.pid);
}

void SeatRow::reset() {
  for (Word* word : {&watchdog.engine_beat,
                     &progress.stuck_since,
                     &engine.free_slots,
                     &engine.takes_before,
                     &engine.busy_slots,
                     &engine.connections,
                     &engine.queued,
                     &engine.requests_done,
                     &engine.requests_refused,
                     &engine.oldest_waiting,
                     &engine.handed_over,
                     &engine.taken_in,
                     &engine.listeners_closed_at,
                     &engine.request_rows,
                     &engine.rowless,
                     &clocks.peers_refused,
                     &signals.last_signal,
                     &arbiter.pid,
                     &arbiter.number,
                     &arbiter.generation,
                     &arbiter.spawned_at,
                     &arbiter.slots,
                     &arbiter.state_word}) {
    word->set(0);
  }
  for (Word& word : clocks.expired) word.set(0);
}

}  // namespace winghorn
