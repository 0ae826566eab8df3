// SPDX-License-Identifier: MIT
#include "core/scoreboard/scoreboard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace winghorn {
namespace {

std::size_t rounded_up(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

}  // namespace

Result<Scoreboard> Scoreboard::create(unsigned seats, unsigned slots_per_seat) {
  Scoreboard board;
  board.seats_ = std::max(seats, 1u);
  board.slots_ = std::max(slots_per_seat, 1u);
  // Blocks begin on pages, so that one can be given back without touching its neighbours.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t unit = std::max(page, alignof(LogRing));
  board.rows_at_ = alignof(SeatRow);
  board.blocks_at_ = rounded_up(board.rows_at_ + board.seats_ * sizeof(SeatRow), unit);
  board.requests_at_ = rounded_up(board.slots_ * sizeof(SlotRow), alignof(RequestRow));
  board.ring_at_ =
      rounded_up(board.requests_at_ + board.request_rows_per_seat() * sizeof(RequestRow), unit);
  board.stride_ = rounded_up(board.ring_at_ + sizeof(LogRing), unit);
  const std::size_t length = board.blocks_at_ + board.seats_ * board.stride_;
  void* memory = ::mmap(nullptr, length, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return failure("reserve shared memory for the scoreboard");
  board.base_ = static_cast<std::byte*>(memory);
  board.length_ = length;
  return board;
}

Scoreboard::Scoreboard(Scoreboard&& other) noexcept { *this = std::move(other); }

Scoreboard& Scoreboard::operator=(Scoreboard&& other) noexcept {
  if (this == &other) return *this;
  release();
  base_ = std::exchange(other.base_, nullptr);
  length_ = other.length_;
  rows_at_ = other.rows_at_;
  blocks_at_ = other.blocks_at_;
  requests_at_ = other.requests_at_;
  ring_at_ = other.ring_at_;
  stride_ = other.stride_;
  seats_ = other.seats_;
  slots_ = other.slots_;
  return *this;
}

Scoreboard::~Scoreboard() { release(); }

void Scoreboard::release() {
  if (base_ != nullptr) ::munmap(base_, length_);
  base_ = nullptr;
}

// The rows are not constructed: a zeroed page is a valid one, and writing to it would make it cost memory.
Word& Scoreboard::high_water() const { return *reinterpret_cast<Word*>(base_); }

SeatRow& Scoreboard::seat(unsigned seat) const {
  CHECK(seat < seats_);
  return reinterpret_cast<SeatRow*>(base_ + rows_at_)[seat];
}

std::byte* Scoreboard::block(unsigned seat) const {
  CHECK(seat < seats_);
  return base_ + blocks_at_ + seat * stride_;
}

SlotRow& Scoreboard::slot(unsigned seat, unsigned slot) const {
  CHECK(slot < slots_);
  return reinterpret_cast<SlotRow*>(block(seat))[slot];
}

RequestRow& Scoreboard::request(unsigned seat, unsigned index) const {
  CHECK(index < request_rows_per_seat());
  return reinterpret_cast<RequestRow*>(block(seat) + requests_at_)[index];
}

LogRing& Scoreboard::log_ring(unsigned seat) const {
  return *reinterpret_cast<LogRing*>(block(seat) + ring_at_);
}

std::optional<SlotSnapshot> Scoreboard::read_slot(unsigned seat, unsigned slot_number) const {
  constexpr int kTries = 16;
  const SlotRow& row = slot(seat, slot_number);
  for (int tries = 0; tries < kTries; ++tries) {
    std::optional<SlotSnapshot> shown = row.read();
    if (!shown || !shown->busy() || shown->request_row >= request_rows_per_seat()) return shown;
    std::optional<RequestSnapshot> asked = request(seat, shown->request_row).read(shown->id);
    if (!asked) continue;  // over since the slot's row was read
    shown->request = std::move(*asked);
    return shown;
  }
  return std::nullopt;
}

SlotSnapshot Scoreboard::read_dead_slot(unsigned seat, unsigned slot_number) const {
  SlotSnapshot shown = slot(seat, slot_number).read_dead();
  if (shown.request_row >= request_rows_per_seat()) return shown;
  std::optional<RequestSnapshot> asked = request(seat, shown.request_row).read(shown.id);
  if (asked) shown.request = std::move(*asked);
  return shown;
}

unsigned Scoreboard::used_request_rows(unsigned seat_number) const {
  const std::uint64_t used = seat(seat_number).engine.request_rows.get();
  return static_cast<unsigned>(std::min<std::uint64_t>(used, request_rows_per_seat()));
}

std::optional<unsigned> Scoreboard::take_seat() {
  for (unsigned i = 0; i < seats_; ++i) {
    SeatRow& row = seat(i);
    if (row.state() != SeatState::Free) continue;
    row.reset();
    row.set_state(SeatState::Booting);
    if (i >= used_seats()) high_water().set(i + 1);
    return i;
  }
  return std::nullopt;
}

void Scoreboard::vacate(unsigned seat_number) {
  seat(seat_number).set_state(SeatState::Dead);  // for readers, until the words are gone
  clear(seat_number);
  seat(seat_number).reset();
}

void Scoreboard::clear(unsigned seat_number) {
  if (::madvise(block(seat_number), stride_, MADV_REMOVE) == 0) return;
  // A sandbox's kernel may not know it: then by hand, at the price of the pages.
  for (unsigned i = 0; i < slots_; ++i) slot(seat_number, i).reset();
  for (unsigned i = 0; i < used_request_rows(seat_number); ++i) request(seat_number, i).reset();
  log_ring(seat_number).reset();
}

unsigned Scoreboard::used_seats() const { return static_cast<unsigned>(high_water().get()); }

template <class Count>
unsigned Scoreboard::sum_elsewhere(unsigned own_seat, Count count) const {
  std::uint64_t sum = 0;
  const unsigned used = std::min(used_seats(), seats_);
  for (unsigned i = 0; i < used; ++i) {
    const SeatRow& row = seat(i);
    if (i != own_seat && row.state() == SeatState::Ready) sum += count(row);
  }
  return static_cast<unsigned>(sum);
}

unsigned Scoreboard::free_slots_elsewhere(unsigned own_seat) const {
  return sum_elsewhere(own_seat, [this](const SeatRow& row) {
    return std::min<std::uint64_t>(row.engine.free_slots.get(), slots_);
  });
}

unsigned Scoreboard::takers_elsewhere(unsigned own_seat, std::uint64_t ready) const {
  return sum_elsewhere(own_seat, [this, ready](const SeatRow& row) -> std::uint64_t {
    if (row.engine.takes_before.get() <= ready) return 0;
    return std::clamp<std::uint64_t>(row.engine.free_slots.get(), 1, slots_);
  });
}

}  // namespace winghorn
