// SPDX-License-Identifier: MIT
#include "core/base/sequence_lock.h"

#include <gtest/gtest.h>

namespace winghorn {
namespace {

TEST(SequenceLock, ReadsWhatWasWritten) {
  SequenceLock lock;
  std::atomic<std::uint64_t> word{0};
  lock.begin();
  word.store(5);
  lock.end();
  std::uint64_t copy = 0;
  EXPECT_TRUE(lock.read([&] { copy = word.load(std::memory_order_relaxed); }));
  EXPECT_EQ(copy, 5U);
}

TEST(SequenceLock, WriterInsideIsTorn) {
  SequenceLock lock;
  lock.begin();
  int copies = 0;
  EXPECT_FALSE(lock.read([&] { ++copies; }));
  EXPECT_EQ(copies, 0);
  lock.end();
  EXPECT_TRUE(lock.read([&] { ++copies; }));
  EXPECT_EQ(copies, 1);
}

TEST(SequenceLock, ReadsAgainWhenTheWriterCameBetween) {
  SequenceLock lock;
  int copies = 0;
  EXPECT_TRUE(lock.read([&] {
    if (++copies == 1) {
      lock.begin();
      lock.end();
    }
  }));
  EXPECT_EQ(copies, 2);
}

TEST(SequenceLock, GivesUpOnAWriterThatNeverRests) {
  SequenceLock lock;
  int copies = 0;
  EXPECT_FALSE(lock.read([&] {
    ++copies;
    lock.begin();
    lock.end();
  }));
  EXPECT_EQ(copies, 64);
}

TEST(SequenceLock, RecoversFromAWriterThatDiedInside) {
  SequenceLock lock;
  lock.begin();  // and never ended
  lock.begin();
  lock.end();
  EXPECT_TRUE(lock.read([] {}));
}

}  // namespace
}  // namespace winghorn
