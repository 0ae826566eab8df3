// SPDX-License-Identifier: MIT
#include "core/scoreboard/scoreboard.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <string>

namespace winghorn {
namespace {

Scoreboard board(unsigned seats, unsigned slots = 1) {
  Result<Scoreboard> made = Scoreboard::create(seats, slots);
  EXPECT_TRUE(made);
  return std::move(made).value();
}

// Pages of shared memory that this process holds.
long shared_kib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("RssShmem:")) return std::stol(line.substr(9));
  }
  return -1;
}

TEST(Scoreboard, ReservesManySeatsAndUsesNoMemoryForThem) {
  const long before = shared_kib();
  const Scoreboard large = board(1024, 1000);
  EXPECT_EQ(large.seats(), 1024U);
  EXPECT_EQ(large.slots_per_seat(), 1000U);
  EXPECT_LT(shared_kib() - before, 64);
}

// What a server of few workers reserves; 520 KiB for each seat: the log's ring, and nearly as much to say which
// requests it has.
TEST(Scoreboard, ReservesLittleForASmallServer) {
  EXPECT_LT(board(128, 64).reserved_bytes(), 66U << 20);
}

TEST(Scoreboard, HasAtLeastOneSeatAndSlot) {
  const Scoreboard least = board(0, 0);
  EXPECT_EQ(least.seats(), 1U);
  EXPECT_EQ(least.slots_per_seat(), 1U);
}

TEST(Scoreboard, RowsAreApartAndAligned) {
  const Scoreboard few = board(3, 2);
  std::set<const void*> places;
  for (unsigned seat = 0; seat < 3; ++seat) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&few.seat(seat)) % alignof(SeatRow), 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&few.log_ring(seat)) % alignof(LogRing), 0U);
    places.insert(&few.seat(seat));
    places.insert(&few.log_ring(seat));
    for (unsigned slot = 0; slot < 2; ++slot) {
      few.slot(seat, slot).begin(seat * 10 + slot, slot, Instant());
      few.request(seat, slot).hold(seat * 10 + slot + 1, {"GET", "/", "HTTP/1.1", ""}, Instant());
      places.insert(&few.slot(seat, slot));
      places.insert(&few.request(seat, slot));
    }
    places.insert(&few.request(seat, few.request_rows_per_seat() - 1));
    few.seat(seat).arbiter.pid.set(seat + 100);
    few.log_ring(seat).append(LogKind::Error, std::to_string(seat) + "\n");
  }
  EXPECT_EQ(places.size(), 21U);
  for (unsigned seat = 0; seat < 3; ++seat) {
    EXPECT_EQ(few.seat(seat).arbiter.pid.get(), seat + 100);
    EXPECT_EQ(few.slot(seat, 1).read()->id, seat * 10 + 1);
    EXPECT_TRUE(few.request(seat, 1).read(seat * 10 + 2));
    EXPECT_EQ(few.log_ring(seat).record_at(0, few.log_ring(seat).end_position())->text,
              std::to_string(seat) + "\n");
  }
}

TEST(Scoreboard, WordsOfDifferentWritersLieOnDifferentLines) {
  static_assert(sizeof(SeatRow) == 8 * 64);
  static_assert(offsetof(SeatRow, watchdog) == 64);
  static_assert(offsetof(SeatRow, progress) == 128);
  static_assert(offsetof(SeatRow, engine) == 192);
  static_assert(offsetof(SeatRow, clocks) == 320);
  static_assert(offsetof(SeatRow, signals) == 448);
}

TEST(Scoreboard, SeatsAreTakenLowestFirstUntilNoneIsLeft) {
  Scoreboard two = board(2);
  EXPECT_EQ(two.used_seats(), 0U);
  EXPECT_EQ(two.take_seat(), 0U);
  EXPECT_EQ(two.seat(0).state(), SeatState::Booting);
  EXPECT_EQ(two.take_seat(), 1U);
  EXPECT_EQ(two.take_seat(), std::nullopt);
  EXPECT_EQ(two.used_seats(), 2U);
  two.vacate(0);
  EXPECT_EQ(two.take_seat(), 0U);
  EXPECT_EQ(two.used_seats(), 2U);
}

TEST(Scoreboard, VacatedSeatIsZeroAgainAndItsPagesAreGone) {
  Scoreboard one = board(4, 3);
  const unsigned seat = *one.take_seat();
  one.seat(seat).engine.free_slots.set(5);
  one.slot(seat, 2).begin(1, 0, Instant());
  one.request(seat, 0).hold(1, {"GET", "/old", "HTTP/1.1", ""}, Instant());
  one.seat(seat).note_signal({15, 77});
  const long before = shared_kib();
  while (one.log_ring(seat).append(LogKind::Error, std::string(10'000, 'x'))) {
  }
  EXPECT_GT(shared_kib(), before);
  one.vacate(seat);
  EXPECT_EQ(one.seat(seat).state(), SeatState::Free);
  EXPECT_EQ(one.seat(seat).engine.free_slots.get(), 0U);
  EXPECT_FALSE(one.slot(seat, 2).read()->busy());
  EXPECT_FALSE(one.request(seat, 0).read_dead());
  EXPECT_FALSE(one.seat(seat).last_signal());
  EXPECT_TRUE(one.log_ring(seat).empty());
  EXPECT_EQ(one.log_ring(seat).unreported(), 0U);
  EXPECT_LT(shared_kib(), before + 64);
}

TEST(Scoreboard, FreeSlotsAreThoseOfReadySiblings) {
  Scoreboard many = board(10, 8);
  for (unsigned i = 0; i < 5; ++i) {
    many.take_seat();
    many.seat(i).engine.free_slots.set(i + 1);
  }
  EXPECT_EQ(many.free_slots_elsewhere(0), 0U);  // nobody is ready yet
  for (unsigned i = 0; i < 5; ++i) many.seat(i).set_state(SeatState::Ready);
  EXPECT_EQ(many.free_slots_elsewhere(0), 2U + 3 + 4 + 5);
  EXPECT_EQ(many.free_slots_elsewhere(4), 1U + 2 + 3 + 4);
  many.seat(1).set_state(SeatState::Retiring);
  many.seat(2).set_state(SeatState::Dead);
  EXPECT_EQ(many.free_slots_elsewhere(0), 4U + 5);
  many.seat(3).engine.free_slots.set(~std::uint64_t{0});  // scribbled on
  EXPECT_EQ(many.free_slots_elsewhere(0), 8U + 5);
}

TEST(Scoreboard, ChildWritesAndParentReadsAfterItsDeath) {
  Scoreboard shared = board(2);
  const unsigned seat = *shared.take_seat();
  const pid_t child = ::fork();
  if (child == 0) {
    shared.request(seat, 3).hold(77, {"GET", "/from-the-child", "HTTP/1.1", ""}, now());
    shared.slot(seat, 0).begin(77, 3, now());
    shared.seat(seat).watchdog.engine_beat.set(to_word(now()));
    shared.log_ring(seat).append(LogKind::Error, "last words\n");
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(shared.read_dead_slot(seat, 0).request.target, "/from-the-child");
  EXPECT_GT(shared.seat(seat).watchdog.engine_beat.get(), 0U);
  EXPECT_FALSE(shared.log_ring(seat).empty());
}

TEST(Scoreboard, ASlotIsShownWithItsRequestAndNeverWithAnother) {
  const Scoreboard one = board(1, 2);
  RequestRow& request = one.request(0, 5);
  request.hold(7, {"GET", "/seven", "HTTP/1.1", "192.0.2.7"}, from_word(70));
  one.slot(0, 1).begin(7, 5, from_word(77));
  EXPECT_EQ(one.read_slot(0, 1)->request.target, "/seven");
  EXPECT_EQ(one.read_slot(0, 1)->started, from_word(77));
  one.slot(0, 1).end();
  request.free();
  request.hold(8, {"GET", "/eight", "HTTP/1.1", ""}, from_word(80));
  EXPECT_EQ(one.read_slot(0, 1)->request.target, "");
  one.slot(0, 1).begin(7, 5, from_word(77));  // a slot that says what is over: never believed
  EXPECT_FALSE(one.read_slot(0, 1));
  EXPECT_EQ(one.read_dead_slot(0, 1).request.target, "");
}

TEST(Scoreboard, ARequestWithoutARowIsShownWithoutItsTexts) {
  const Scoreboard one = board(1);
  one.slot(0, 0).begin(9, kNoRequestRow, from_word(90));
  EXPECT_EQ(one.read_slot(0, 0)->id, 9U);
  EXPECT_EQ(one.read_slot(0, 0)->request.method, "");
}

TEST(Scoreboard, SaysWhoSentTheLastSignal) {
  const Scoreboard one = board(1);
  EXPECT_FALSE(one.seat(0).last_signal());
  one.seat(0).note_signal({15, 4'000'000'000});
  EXPECT_EQ(one.seat(0).last_signal()->signal, 15);
  EXPECT_EQ(one.seat(0).last_signal()->pid, 4'000'000'000U);
}

TEST(Scoreboard, MovesItsMapping) {
  Scoreboard first = board(2);
  first.seat(1).arbiter.pid.set(5);
  Scoreboard second = std::move(first);
  EXPECT_EQ(second.seat(1).arbiter.pid.get(), 5U);
  first = board(1);
  second = std::move(first);
  EXPECT_EQ(second.seats(), 1U);
}

}  // namespace
}  // namespace winghorn
