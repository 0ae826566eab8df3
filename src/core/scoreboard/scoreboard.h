// scoreboard.h: the shared memory in which workers write what they do.
//
// One anonymous mapping, made by the arbiter before its first fork; children inherit it at the same
// address. Room for every seat is reserved and not used: a page costs memory once somebody writes to it,
// but where memory is not overcommitted (vm.overcommit_memory=2) reserving counts.
// A seat is a SeatRow, its SlotRows, its RequestRows and its LogRing. The arbiter takes a seat before it forks (take_seat)
// and gives it back after it has reaped its owner and read what it left (vacate).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>

#include "core/base/log_ring.h"
#include "core/base/result.h"
#include "core/scoreboard/request_row.h"
#include "core/scoreboard/seat_row.h"
#include "core/scoreboard/slot_row.h"

namespace winghorn {

class Scoreboard {
 public:
  static constexpr unsigned kMostSeats = 1024;
  // Beside one for each slot: for requests that wait, or whose replies are on their way.
  static constexpr unsigned kWaitingRequestRows = 448;

  // `slots_per_seat`: the most slots that a worker will have (at least one is made).
  static Result<Scoreboard> create(unsigned seats, unsigned slots_per_seat);

  Scoreboard(Scoreboard&& other) noexcept;
  Scoreboard& operator=(Scoreboard&& other) noexcept;
  Scoreboard(const Scoreboard&) = delete;
  Scoreboard& operator=(const Scoreboard&) = delete;
  ~Scoreboard();

  unsigned seats() const { return seats_; }
  unsigned slots_per_seat() const { return slots_; }
  unsigned request_rows_per_seat() const { return slots_ + kWaitingRequestRows; }
  std::size_t reserved_bytes() const { return length_; }

  SeatRow& seat(unsigned seat) const;
  SlotRow& slot(unsigned seat, unsigned slot) const;
  RequestRow& request(unsigned seat, unsigned index) const;
  LogRing& log_ring(unsigned seat) const;

  // A slot's row with the request that it names. nullopt: both were changing all the time.
  std::optional<SlotSnapshot> read_slot(unsigned seat, unsigned slot) const;
  // The same when the seat's owner is dead.
  SlotSnapshot read_dead_slot(unsigned seat, unsigned slot) const;
  // No request row of this seat from here on was ever held: where readers may stop.
  unsigned used_request_rows(unsigned seat) const;

  // The arbiter: a seat that was Free, emptied and Booting; nullopt when all are taken.
  std::optional<unsigned> take_seat();
  // The arbiter: everything in it is zero again, its pages go back to the machine.
  void vacate(unsigned seat);

  // No seat from here on was ever taken: where readers may stop.
  unsigned used_seats() const;
  // Over the Ready seats but this one.
  unsigned free_slots_elsewhere(unsigned own_seat) const;
  // How many requests that could run at `ready` those seats would begin soon.
  unsigned takers_elsewhere(unsigned own_seat, std::uint64_t ready) const;

 private:
  Scoreboard() = default;
  template <class Count>
  unsigned sum_elsewhere(unsigned own_seat, Count count) const;
  void clear(unsigned seat);
  void release();
  Word& high_water() const;
  std::byte* block(unsigned seat) const;

  std::byte* base_ = nullptr;
  std::size_t length_ = 0;
  std::size_t rows_at_ = 0;      // offset of the SeatRows
  std::size_t blocks_at_ = 0;    // offset of the seats' blocks: slots, then requests, then the ring
  std::size_t requests_at_ = 0;  // within a block
  std::size_t ring_at_ = 0;      // likewise
  std::size_t stride_ = 0;       // of blocks
  unsigned seats_ = 0;
  unsigned slots_ = 0;
};

}  // namespace winghorn
