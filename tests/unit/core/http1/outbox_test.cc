// SPDX-License-Identifier: MIT
#include "core/http1/outbox.h"

#include <gtest/gtest.h>

#include <sys/mman.h>

#include <string>

namespace winghorn::http1 {
namespace {

std::string joined(const Outgoing& out) {
  std::string text;
  for (const iovec& part : out.bytes)
    text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  return text;
}

Piece memory(std::string bytes) { return Piece{std::move(bytes), {}}; }

Piece file(std::uint64_t offset, std::uint64_t length) {
  Piece piece;
  piece.file.file = Fd(::memfd_create("outbox_test", MFD_CLOEXEC));
  piece.file.offset = offset;
  piece.file.length = length;
  return piece;
}

// Sent from where it lies.
std::string large(char letter) { return std::string(5000, letter); }

TEST(Outbox, JoinsNeighbouringTextAndSmallPieces) {
  Outbox box;
  EXPECT_TRUE(box.empty());
  box.put_text("ab");
  box.put_text("cd");
  box.put_piece(memory("ef"));
  box.put_text("gh");
  EXPECT_EQ(box.next().bytes.size(), 1U);
  EXPECT_EQ(joined(box.next()), "abcdefgh");
}

TEST(Outbox, LeavesLargePiecesWhereTheyAre) {
  Outbox box;
  box.put_text("ab");
  box.put_piece(memory(large('x')));
  box.put_text("cd");
  EXPECT_EQ(box.next().bytes.size(), 3U);
  EXPECT_EQ(joined(box.next()), "ab" + large('x') + "cd");
}

// Every byte of a piece is counted by the time that it is gone, and none twice.
TEST(Outbox, CountsWhateverIsTaken) {
  const std::string all = "headbody\r\n" + large('x') + "\r\nmoretail";
  for (std::size_t step = 1; step <= 64; ++step) {
    Outbox box;
    box.put_text("head");
    box.put_piece(memory("body"));
    box.put_text("\r\n");
    box.put_piece(memory(large('x')));
    box.put_text("\r\n");
    box.put_piece(memory("more"));
    box.put_text("tail");
    std::string out;
    std::uint64_t pieces = 0;
    while (!box.empty()) {
      const std::string part = joined(box.next()).substr(0, step);
      out += part;
      pieces += box.sent(part.size()).piece_bytes;
      ASSERT_LE(pieces, out.size());
    }
    ASSERT_EQ(out, all);
    ASSERT_EQ(pieces, 5008U);
  }
}

// A producer that is always ahead of its client: what is gone must not pile up in the buffer.
TEST(Outbox, AStreamThatNeverRunsDryStaysInOrder) {
  Outbox box;
  std::string expected;
  std::string out;
  for (int round = 0; round < 5000; ++round) {
    const std::string piece(100, static_cast<char>('a' + round % 26));
    box.put_piece(memory(piece));
    expected += piece;
    const std::string part = joined(box.next()).substr(0, round == 0 ? 99 : 100);
    box.sent(part.size());
    out += part;
    ASSERT_FALSE(box.empty());
  }
  EXPECT_EQ(out + joined(box.next()), expected);
}

TEST(Outbox, TextMayGrowWhilePartOfItIsGone) {
  Outbox box;
  box.put_text("abc");
  box.sent(2);
  box.put_text("def");
  EXPECT_EQ(joined(box.next()), "cdef");
}

TEST(Outbox, HandsAFileOutWhenItsTurnComes) {
  Outbox box;
  box.put_text("a");
  box.put_piece(file(10, 5));
  box.put_text("b");
  EXPECT_EQ(joined(box.next()), "a");
  EXPECT_EQ(box.next().file, nullptr);
  box.sent(1);
  ASSERT_NE(box.next().file, nullptr);
  EXPECT_TRUE(box.next().bytes.empty());
  EXPECT_EQ(box.sent(2).file_bytes, 2U);
  EXPECT_EQ(box.next().file->offset, 12U);
  EXPECT_EQ(box.next().file->length, 3U);
  const Outbox::Moved moved = box.sent(3);
  EXPECT_EQ(moved.file_bytes, 3U);
  EXPECT_EQ(moved.piece_bytes, 0U);
  EXPECT_EQ(joined(box.next()), "b");
}

TEST(Outbox, KeepsNothingEmpty) {
  Outbox box;
  box.put_text("");
  box.put_piece(memory(""));
  box.put_piece(file(0, 0));
  EXPECT_TRUE(box.empty());
  EXPECT_TRUE(box.next().empty());
}

}  // namespace
}  // namespace winghorn::http1
