// SPDX-License-Identifier: MIT
#include "core/scoreboard/slot_row.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace winghorn {
namespace {

const Instant kStart = from_word(123'456'789);

TEST(SlotRow, SaysWhatTheSlotRuns) {
  SlotRow row;
  row.begin(42, 3, kStart);
  const auto snapshot = row.read();
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(snapshot->busy());
  EXPECT_EQ(snapshot->id, 42U);
  EXPECT_EQ(snapshot->request_row, 3U);
  EXPECT_EQ(snapshot->phase, SlotPhase::Running);
  EXPECT_EQ(snapshot->started, kStart);
}

TEST(SlotRow, FreshOneIsIdle) {
  const SlotRow row;
  ASSERT_TRUE(row.read());
  EXPECT_FALSE(row.read()->busy());
}

TEST(SlotRow, PhasesChangeAndTheRequestIsStillNamedAfterItsEnd) {
  SlotRow row;
  row.begin(1, kNoRequestRow, kStart);
  row.phase(SlotPhase::AwaitingBody);
  EXPECT_EQ(row.read()->phase, SlotPhase::AwaitingBody);
  row.end();
  EXPECT_FALSE(row.read()->busy());
  EXPECT_EQ(row.read()->id, 1U);
}

TEST(SlotRow, DeadWriterIsReadAsItIs) {
  SlotRow row;
  row.begin(9, 2, kStart);
  // As if the process had been killed inside the next begin(): the counter, first in the row, is odd.
  std::uint64_t count;
  std::memcpy(&count, static_cast<const void*>(&row), sizeof count);
  count |= 1;
  std::memcpy(static_cast<void*>(&row), &count, sizeof count);
  EXPECT_FALSE(row.read());
  EXPECT_EQ(row.read_dead().id, 9U);
  row.reset();
  ASSERT_TRUE(row.read());
  EXPECT_FALSE(row.read()->busy());
}

TEST(SlotRow, ScribbledMemoryIsReadWithinItsBounds) {
  auto row = std::make_unique<SlotRow>();
  std::memset(static_cast<void*>(row.get()), 0xff, sizeof(SlotRow));
  EXPECT_EQ(row->read_dead().request_row, kNoRequestRow);
  EXPECT_EQ(name_of(row->read_dead().phase), "unknown");
}

TEST(SlotRow, EveryPhaseHasAName) {
  for (const SlotPhase phase : {SlotPhase::Idle, SlotPhase::Running, SlotPhase::AwaitingInterpreter,
                                SlotPhase::AwaitingBody, SlotPhase::AwaitingRoom}) {
    EXPECT_NE(name_of(phase), "unknown");
  }
}

TEST(SlotRow, LiesOnItsOwnCacheLine) {
  static_assert(alignof(SlotRow) == 64);
  static_assert(sizeof(SlotRow) == 64);
}

}  // namespace
}  // namespace winghorn
