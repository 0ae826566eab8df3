// SPDX-License-Identifier: MIT
#include "core/http/reply_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace winghorn {
namespace {

ReplyHead head(int status = 200) {
  ReplyHead head;
  head.set_status(status, "");
  return head;
}

std::string text_of(const ReplyParts& parts) {
  std::string text;
  for (const Piece& piece : parts.pieces) text += piece.bytes;
  return text;
}

class ReplyPipeTest : public ::testing::Test {
 protected:
  ReplyPipeTest() { pipe_.reset(); }
  ReplyParts collect() {
    ReplyParts parts;
    pipe_.collect(parts);
    return parts;
  }
  ReplyPipe pipe_;
};

TEST_F(ReplyPipeTest, HandsOverWhatWasSaidSinceTheLastTime) {
  ReplyParts parts;
  EXPECT_FALSE(pipe_.collect(parts));
  pipe_.start(head());
  pipe_.write("one");
  EXPECT_TRUE(pipe_.collect(parts));
  EXPECT_TRUE(parts.head);
  EXPECT_EQ(text_of(parts), "one");
  EXPECT_EQ(parts.end, ReplyEnd::Open);
  pipe_.write("two");
  pipe_.finish();
  EXPECT_TRUE(pipe_.collect(parts));
  EXPECT_FALSE(parts.head);
  EXPECT_EQ(text_of(parts), "two");
  EXPECT_EQ(parts.end, ReplyEnd::Finished);
  EXPECT_FALSE(pipe_.collect(parts));
  EXPECT_TRUE(parts.empty());
}

TEST_F(ReplyPipeTest, CountsWhatIsAheadUntilItIsSent) {
  pipe_.start(head());
  pipe_.write("12345");
  EXPECT_EQ(pipe_.ahead(), 5U);
  collect();
  EXPECT_EQ(pipe_.ahead(), 5U) << "collected is not sent";
  pipe_.sent(3);
  EXPECT_EQ(pipe_.ahead(), 2U);
  pipe_.write("");
  EXPECT_EQ(pipe_.ahead(), 2U);
}

TEST_F(ReplyPipeTest, SmallPiecesAreJoinedUntilTheyAreCollected) {
  pipe_.start(head());
  std::string expected;
  for (int i = 0; i < 50'000; ++i) {
    pipe_.write(i % 2 == 0 ? "a" : "b");
    expected += i % 2 == 0 ? "a" : "b";
  }
  EXPECT_EQ(pipe_.ahead(), expected.size());
  ReplyParts parts = collect();
  EXPECT_EQ(parts.pieces.size(), 4U) << "of 16 KiB";
  EXPECT_EQ(text_of(parts), expected);
  pipe_.write("c");
  EXPECT_EQ(text_of(parts), expected) << "what is collected belongs to the collector";
  EXPECT_EQ(text_of(collect()), "c");
  EXPECT_EQ(pipe_.ahead(), expected.size() + 1);
}

TEST_F(ReplyPipeTest, BytesAreNotJoinedPastAFile) {
  pipe_.start(head());
  pipe_.write("before");
  pipe_.write_file({Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), 0, 1000});
  pipe_.write("be");
  pipe_.write("hind");
  const ReplyParts parts = collect();
  ASSERT_EQ(parts.pieces.size(), 3U);
  EXPECT_EQ(parts.pieces[0].bytes, "before");
  EXPECT_TRUE(parts.pieces[1].is_file());
  EXPECT_EQ(parts.pieces[2].bytes, "behind");
}

TEST_F(ReplyPipeTest, InformationalHeadsThatNobodyTakesAreBounded) {
  for (int i = 0; i < 1000; ++i) pipe_.inform(head(103));
  EXPECT_EQ(collect().informational.size(), ReplyPipe::kMostInformational);
  pipe_.inform(head(103));
  EXPECT_EQ(collect().informational.size(), 1U) << "there is room again";
}

TEST_F(ReplyPipeTest, AFileIsNotAhead) {
  pipe_.start(head());
  pipe_.write_file({Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), 0, 1000});
  EXPECT_EQ(pipe_.ahead(), 0U);
  const ReplyParts parts = collect();
  ASSERT_EQ(parts.pieces.size(), 1U);
  EXPECT_EQ(parts.pieces[0].size(), 1000U);
}

TEST_F(ReplyPipeTest, AfterDiscardEverythingVanishesButItStillEnds) {
  pipe_.start(head());
  pipe_.write("12345");
  pipe_.discard();
  EXPECT_EQ(pipe_.ahead(), 0U);
  pipe_.write("more");
  EXPECT_EQ(pipe_.ahead(), 0U);
  pipe_.finish();
  EXPECT_TRUE(pipe_.ended());
  ReplyParts parts;
  EXPECT_FALSE(pipe_.collect(parts));
}

TEST_F(ReplyPipeTest, WhatIsSentAfterDiscardIsNotCountedTwice) {
  pipe_.start(head());
  pipe_.write("12345");
  collect();
  pipe_.discard();
  pipe_.sent(5);
  EXPECT_EQ(pipe_.ahead(), 0U);
}

TEST_F(ReplyPipeTest, IsFreshAfterReset) {
  pipe_.answer(head(), "x");
  pipe_.discard();
  pipe_.reset();
  EXPECT_FALSE(pipe_.started() || pipe_.ended() || pipe_.discarded());
  pipe_.answer(head(), "y");
  EXPECT_EQ(text_of(collect()), "y");
}

// ---- answered by another

TEST_F(ReplyPipeTest, AnsweredInsteadTheWriterIsNotHeardAnyMore) {
  pipe_.answer_instead(head(504), "late");
  EXPECT_TRUE(pipe_.started() && pipe_.ended());
  pipe_.start(head(200));
  pipe_.write("mine");
  pipe_.finish();
  const ReplyParts parts = collect();
  ASSERT_TRUE(parts.head);
  EXPECT_EQ(parts.head->status(), 504);
  EXPECT_EQ(text_of(parts), "late");
  EXPECT_EQ(parts.end, ReplyEnd::Finished);
}

TEST_F(ReplyPipeTest, AReplyThatHasBegunIsCut) {
  pipe_.start(head(200));
  pipe_.write("half");
  pipe_.answer_instead(head(504), "late");
  pipe_.write("other half");
  pipe_.finish();
  const ReplyParts parts = collect();
  EXPECT_EQ(parts.head->status(), 200);
  EXPECT_EQ(text_of(parts), "half");
  EXPECT_EQ(parts.end, ReplyEnd::Cut);
}

TEST_F(ReplyPipeTest, AReplyThatHasEndedStays) {
  pipe_.answer(head(200), "mine");
  pipe_.answer_instead(head(504), "late");
  const ReplyParts parts = collect();
  EXPECT_EQ(parts.head->status(), 200);
  EXPECT_EQ(text_of(parts), "mine");
  EXPECT_EQ(parts.end, ReplyEnd::Finished);
}

// Whoever is first, the client gets one reply, whole, of one of the two.
TEST_F(ReplyPipeTest, TwoWhoAnswerAtOnceAreNeverMixed) {
  for (int round = 0; round < 2000; ++round) {
    pipe_.reset();
    std::thread writer([&] {
      if (round % 2 == 0) {
        pipe_.answer(head(200), "mine");
      } else {
        pipe_.start(head(200));
        pipe_.write("mi");
        pipe_.write("ne");
        pipe_.finish();
      }
    });
    pipe_.answer_instead(head(504), "late");
    writer.join();
    const ReplyParts parts = collect();
    ASSERT_TRUE(parts.head);
    const std::string text = text_of(parts);
    if (parts.head->status() == 504) {
      ASSERT_EQ(text, "late");
      ASSERT_EQ(parts.end, ReplyEnd::Finished);
    } else if (parts.end == ReplyEnd::Finished) {
      ASSERT_EQ(text, "mine");
    } else {
      ASSERT_TRUE(std::string("mine").starts_with(text)) << text;
    }
  }
}

TEST_F(ReplyPipeTest, AheadStaysTrueWhileOneWritesAndOneSendsAndDiscards) {
  for (int round = 0; round < 50; ++round) {
    pipe_.reset();
    std::thread writer([&] {
      pipe_.start(head());
      for (int i = 0; i < 200; ++i) pipe_.write("0123456789");
      pipe_.finish();
    });
    std::uint64_t sent = 0;
    ReplyParts parts;
    while (sent < 1000) {
      if (!pipe_.collect(parts)) continue;
      for (const Piece& piece : parts.pieces) {
        pipe_.sent(piece.size());
        sent += piece.size();
      }
      ASSERT_LE(pipe_.ahead(), 2000U);
    }
    if (round % 2 == 0) pipe_.discard();
    writer.join();
    ASSERT_EQ(pipe_.ahead(), round % 2 == 0 ? 0 : 2000 - sent);
  }
}

}  // namespace
}  // namespace winghorn
