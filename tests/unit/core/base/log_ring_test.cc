// SPDX-License-Identifier: MIT
#include "core/base/log_ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace winghorn {
namespace {

class LogRingTest : public testing::Test {
 protected:
  std::vector<std::string> take_all() {
    std::vector<std::string> texts;
    const std::uint64_t end = ring_->end_position();
    std::uint64_t at = ring_->begin_position();
    while (at != end) {
      const auto record = ring_->record_at(at, end);
      if (!record) {
        ADD_FAILURE() << "no record at " << at;
        break;
      }
      if (!record->done) texts.emplace_back(record->text);
      at = record->next;
    }
    ring_->release_to(end);
    return texts;
  }

  std::size_t fill(LogKind kind, std::size_t size) {
    std::size_t count = 0;
    while (ring_->append(kind, std::string(size - 1, 'x') + "\n")) ++count;
    return count;
  }

  std::unique_ptr<LogRing> ring_ = std::make_unique<LogRing>();
};

TEST_F(LogRingTest, GivesRecordsBackInOrder) {
  EXPECT_TRUE(ring_->empty());
  ring_->append(LogKind::Error, "one\n");
  ring_->append(LogKind::Access, "two\n");
  EXPECT_FALSE(ring_->empty());
  EXPECT_EQ(take_all(), (std::vector<std::string>{"one\n", "two\n"}));
  EXPECT_TRUE(ring_->empty());
}

TEST_F(LogRingTest, KeepsOrderRoundManyTurns) {
  std::size_t next_in = 0;
  std::size_t next_out = 0;
  for (int turn = 0; turn < 400; ++turn) {
    for (int i = 0; i < 37; ++i, ++next_in) {
      const std::string text = std::to_string(next_in) + std::string(next_in * 7 % 300, '.') + "\n";
      ASSERT_TRUE(ring_->append(LogKind::Access, text));
    }
    for (const std::string& text : take_all()) ASSERT_EQ(std::stoul(text), next_out++);
  }
  EXPECT_EQ(next_in, next_out);
  EXPECT_GT(ring_->end_position(), 5 * LogRing::kCapacity);
  EXPECT_EQ(ring_->unreported(), 0U);
}

TEST_F(LogRingTest, ReleasedRoomIsUsedAgain) {
  const std::size_t first = fill(LogKind::Error, 1000);
  take_all();
  EXPECT_NEAR(static_cast<double>(fill(LogKind::Error, 1000)), static_cast<double>(first), 2);
}

TEST_F(LogRingTest, AFloodOfAccessLinesLeavesRoomForErrors) {
  fill(LogKind::Access, 100);
  EXPECT_EQ(ring_->unreported(), 1U);
  EXPECT_LE(ring_->used(), LogRing::kCapacity - LogRing::kErrorReserve);
  const std::size_t errors = fill(LogKind::Error, 100);
  EXPECT_GT(errors * 112, LogRing::kErrorReserve - 1000);
}

TEST_F(LogRingTest, CountsLinesOfWhatDidNotFit) {
  fill(LogKind::Error, LogRing::kLongestRecord);
  const std::uint64_t before = ring_->unreported();
  ring_->append(LogKind::Error,
                "one\ntwo\nthree\n" + std::string(LogRing::kLongestRecord - 14, 'x'));
  EXPECT_EQ(ring_->unreported(), before + 3);
  ring_->note_reported(before);
  EXPECT_EQ(ring_->unreported(), 3U);
}

TEST_F(LogRingTest, RefusesWhatIsTooLong) {
  EXPECT_TRUE(ring_->append(LogKind::Error, std::string(LogRing::kLongestRecord, 'x')));
  EXPECT_FALSE(ring_->append(LogKind::Error, std::string(LogRing::kLongestRecord + 1, 'x')));
}

TEST_F(LogRingTest, MarksWhatWasWrittenOutOfTurn) {
  ring_->append(LogKind::Access, "stalled\n");
  const std::uint64_t position = ring_->end_position();
  ring_->append(LogKind::Error, "urgent\n");
  ring_->mark_done(position);
  EXPECT_EQ(take_all(), std::vector<std::string>{"stalled\n"});
}

TEST_F(LogRingTest, ScribbledMemoryIsNotBelieved) {
  ring_->append(LogKind::Error, "fine\n");
  ring_->append(LogKind::Error, "overwritten\n");
  const auto first = ring_->record_at(0, ring_->end_position());
  ASSERT_TRUE(first);
  char* memory = const_cast<char*>(first->text.data()) + 8;  // the second record's header
  for (const std::uint64_t header :
       {~std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{7} << 32 | 4,
        std::uint64_t{1} << 32 | 0x7fffffff}) {
    std::memcpy(memory, &header, sizeof header);
    EXPECT_FALSE(ring_->record_at(first->next, ring_->end_position())) << header;
  }
  EXPECT_FALSE(ring_->record_at(3, ring_->end_position()));
  EXPECT_FALSE(ring_->record_at(0, LogRing::kCapacity + 8));
}

TEST_F(LogRingTest, KnowsWhatIsInDoubt) {
  EXPECT_EQ(ring_->end_of_doubt(), ring_->begin_position());
  ring_->append(LogKind::Error, "one\n");
  const std::uint64_t first = ring_->end_position();
  ring_->append(LogKind::Error, "two\n");
  ring_->note_writing(first);
  EXPECT_EQ(ring_->end_of_doubt(), first);
  ring_->release_to(first);
  EXPECT_EQ(ring_->end_of_doubt(), ring_->begin_position());
  ring_->note_writing(~std::uint64_t{0});  // scribbled on
  EXPECT_EQ(ring_->end_of_doubt(), ring_->begin_position());
}

TEST_F(LogRingTest, ResetIsAnEmptyRing) {
  fill(LogKind::Access, 5000);
  ring_->count_lost(2);
  ring_->reset();
  EXPECT_TRUE(ring_->empty());
  EXPECT_EQ(ring_->unreported(), 0U);
  EXPECT_TRUE(ring_->append(LogKind::Access, "new\n"));
  EXPECT_EQ(take_all(), std::vector<std::string>{"new\n"});
}

}  // namespace
}  // namespace winghorn
