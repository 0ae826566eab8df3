// SPDX-License-Identifier: MIT
//
// A slot and its loop's owner write their rows as fast as they can while others read them: what they get is
// always one request.
#include "core/scoreboard/scoreboard.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace winghorn {
namespace {

constexpr int kReaders = 2;
constexpr std::uint64_t kRequests = 30'000;

// Every field follows from the number.
std::string target_of(std::uint64_t id) {
  return std::string(id % 240, static_cast<char>('a' + id % 26));
}

void write_requests(const Scoreboard& board) {
  SlotRow& slot = board.slot(0, 0);
  for (std::uint64_t id = 1; id <= kRequests; ++id) {
    const std::string target = target_of(id);
    RequestRow& request = board.request(0, id % 2);
    request.hold(
        id,
        {Bytes(target).substr(0, id % 16), target, "HTTP/1.1", Bytes(target).substr(0, id % 64)},
        from_word(id));
    slot.begin(id, id % 2, from_word(id));
    slot.phase(SlotPhase::AwaitingBody);
    slot.end();
    request.free();
  }
}

std::uint64_t check_one(const SlotSnapshot& seen) {
  const std::string target = target_of(seen.id);
  EXPECT_EQ(seen.request.target, target);
  EXPECT_EQ(seen.request.method, target.substr(0, seen.id % 16));
  EXPECT_EQ(seen.request.peer, target.substr(0, seen.id % 64));
  EXPECT_EQ(to_word(seen.started), seen.id);
  return seen.id;
}

TEST(SlotRowThreads, ReadersSeeOneRequestOrNothing) {
  Scoreboard board = std::move(Scoreboard::create(1, 1)).value();
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!done) {
        const auto seen = board.read_slot(0, 0);
        (void)board.read_dead_slot(0,
                                   0);  // allowed at any time, worth nothing while the writer lives
        if (!seen || !seen->busy()) continue;
        EXPECT_GE(seen->id, last);
        last = check_one(*seen);
      }
    });
  }
  write_requests(board);
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(board.slot(0, 0).read()->id, kRequests);
}

TEST(SeatRowThreads, WordsAreWrittenAndReadWithoutLocks) {
  Scoreboard board = std::move(Scoreboard::create(4, 2)).value();
  for (int i = 0; i < 4; ++i) {
    const unsigned seat = *board.take_seat();
    board.seat(seat).set_state(SeatState::Ready);
  }
  std::vector<std::thread> workers;
  for (unsigned seat = 0; seat < 4; ++seat) {
    workers.emplace_back([&board, seat] {
      for (int i = 0; i < 5000; ++i) {
        SeatRow& row = board.seat(seat);
        row.engine.free_slots.set(static_cast<std::uint64_t>(i % 3));
        row.engine.requests_done.set(row.engine.requests_done.get() + 1);
        row.watchdog.engine_beat.set(to_word(now()));
        EXPECT_LE(board.free_slots_elsewhere(seat), 6U);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  for (unsigned seat = 0; seat < 4; ++seat)
    EXPECT_EQ(board.seat(seat).engine.requests_done.get(), 5000U);
}

}  // namespace
}  // namespace winghorn
