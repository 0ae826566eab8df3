// SPDX-License-Identifier: MIT
#include "core/log/direct_writer.h"

#include <cstring>
#include <memory>

#include "places.h"

namespace winghorn::log {
namespace {

struct TwoPipes {
  TwoPipes() {
    outlets.errors = Sink::standard(errors.writer());
    outlets.access = Sink::standard(access.writer());
  }
  Pipe errors;
  Pipe access;
  Outlets outlets;
};

TEST(DirectWriter, WritesAtOnce) {
  TwoPipes to;
  DirectWriter writer(to.outlets);
  writer.write(LogKind::Error, "error\n");
  writer.write(LogKind::Access, "access\n");
  EXPECT_EQ(to.errors.read(), "error\n");
  EXPECT_EQ(to.access.read(), "access\n");
  EXPECT_FALSE(writer.pending());
}

TEST(DirectWriter, KeepsLinesInOrderWhileNobodyReads) {
  TwoPipes to;
  DirectWriter writer(to.outlets);
  const std::size_t junk = to.errors.fill();
  writer.write(LogKind::Error, "one\n");
  writer.write(LogKind::Error, "two\n");
  EXPECT_TRUE(writer.pending());
  EXPECT_FALSE(writer.flush());
  std::string seen = to.errors.read();
  writer.write(LogKind::Error, "three\n");
  EXPECT_TRUE(writer.flush());
  EXPECT_FALSE(writer.pending());
  seen += to.errors.read();
  EXPECT_EQ(seen.substr(junk), "one\ntwo\nthree\n");
}

TEST(DirectWriter, DropsBeyondItsBoundAndSaysHowMany) {
  TwoPipes to;
  DirectWriter writer(to.outlets);
  std::string seen;
  to.errors.fill();
  const std::string line = std::string(1023, 'x') + "\n";
  for (std::size_t i = 0; i < DirectWriter::kMostKept / 1024 + 7; ++i)
    writer.write(LogKind::Error, line);
  while (!writer.flush()) seen += to.errors.read();
  seen += to.errors.read();
  EXPECT_NE(seen.find("[WARNING] 7 log lines dropped"), std::string::npos);
  writer.write(LogKind::Error, "after\n");
  EXPECT_EQ(to.errors.read(), "after\n");
}

TEST(DirectWriter, AFullDiskIsReportedOnceThereIsRoomElsewhere) {
  TwoPipes to;
  to.outlets.access = Sink::file("/dev/full").value();
  DirectWriter writer(to.outlets);
  writer.write(LogKind::Access, "one\n");
  writer.write(LogKind::Access, "two\n");
  EXPECT_EQ(to.errors.read(), "");
  writer.write(LogKind::Error, "error\n");
  const std::string seen = to.errors.read();
  EXPECT_TRUE(seen.starts_with("error\n"));
  EXPECT_NE(seen.find("2 log lines dropped"), std::string::npos);
}

TEST(DirectWriter, AFullDiskForErrorsIsNoTrouble) {
  TwoPipes to;
  to.outlets.errors = Sink::file("/dev/full").value();
  DirectWriter writer(to.outlets);
  for (int i = 0; i < 100; ++i) writer.write(LogKind::Error, "x\n");
  EXPECT_FALSE(writer.pending());
  EXPECT_TRUE(writer.flush());
}

TEST(DirectWriter, WritesOutWhatADeadProcessLeft) {
  TwoPipes to;
  DirectWriter writer(to.outlets);
  const auto ring = std::make_unique<LogRing>();
  ring->append(LogKind::Access, "served\n");
  ring->append(LogKind::Error, "last words\n");
  const std::uint64_t third = ring->end_position();
  ring->append(LogKind::Access, "written already\n");
  ring->mark_done(third);
  ring->count_lost(3);
  writer.write_out(*ring);
  EXPECT_EQ(to.access.read(), "served\n");
  const std::string errors = to.errors.read();
  EXPECT_TRUE(errors.starts_with("last words\n"));
  EXPECT_NE(errors.find("3 log lines dropped by a worker that is gone"), std::string::npos);
  EXPECT_TRUE(ring->empty());
  writer.write_out(*ring);
  EXPECT_EQ(to.errors.read(), "");
}

TEST(DirectWriter, AScribbledRingGivesWhatCanBeReadAndAWarning) {
  TwoPipes to;
  DirectWriter writer(to.outlets);
  const auto ring = std::make_unique<LogRing>();
  ring->append(LogKind::Error, "fine\n");
  ring->append(LogKind::Error, "overwritten\n");
  const Bytes first = ring->record_at(0, ring->end_position())->text;
  std::memset(const_cast<char*>(first.data()) + 8, 0xee, 8);
  writer.write_out(*ring);
  const std::string errors = to.errors.read();
  EXPECT_TRUE(errors.starts_with("fine\n"));
  EXPECT_NE(errors.find("the rest of a dead worker's log cannot be read"), std::string::npos);
}

TEST(DirectWriter, ADeadProcessesWholeRingFitsWhileNobodyReads) {
  TwoPipes to;
  DirectWriter writer(to.outlets);
  to.access.fill();
  const auto ring = std::make_unique<LogRing>();
  std::size_t lines = 0;
  while (ring->append(LogKind::Access, "line " + std::to_string(lines) + "\n")) ++lines;
  ring->note_reported(1);
  writer.write_out(*ring);
  std::string seen;
  while (!writer.flush()) seen += to.access.read();
  seen += to.access.read();
  EXPECT_NE(seen.find("line " + std::to_string(lines - 1) + "\n"), std::string::npos);
  EXPECT_EQ(to.errors.read(), "");
}

TEST(DirectWriter, LooksInTheFileForWhatADeadWriterWasWriting) {
  const Folder folder;
  Outlets outlets;
  outlets.access = Sink::file(folder.file("access")).value();
  DirectWriter writer(outlets);
  const auto left = [](const char* before) {
    auto ring = std::make_unique<LogRing>();
    ring->append(LogKind::Access, std::string(before) + " one\n");
    ring->append(LogKind::Access, std::string(before) + " two\n");
    ring->note_writing(ring->end_position());
    ring->append(LogKind::Access, std::string(before) + " three\n");
    return ring;
  };
  writer.write(LogKind::Access, "A one\nA two\nsomebody else's\n");
  writer.write_out(*left("A"));  // killed after its write
  writer.write_out(*left("B"));  // killed before
  EXPECT_EQ(contents(folder.file("access")),
            "A one\nA two\nsomebody else's\nA three\nB one\nB two\nB three\n");
}

TEST(DirectWriter, CompletesOrRepeatsWhatWasCutAndNothingBefore) {
  const Folder folder;
  Outlets outlets;
  outlets.access = Sink::file(folder.file("access")).value();
  DirectWriter writer(outlets);
  const std::string before = std::string(4095 - 12, 'b') + "\n";
  for (const std::string& others : {std::string(), std::string("others\n")}) {
    const std::string path = folder.file("access" + others.substr(0, 1));
    outlets.access = Sink::file(path).value();
    auto ring = std::make_unique<LogRing>();
    writer.write(LogKind::Access, before);
    for (const char* line : {"one\n", "two\n", "three\n"}) ring->append(LogKind::Access, line);
    ring->note_writing(ring->end_position(), outlets.access.place());
    writer.write(LogKind::Access, "one\ntwo\nthre" + others);  // up to the page's end
    writer.write_out(*ring);
    const std::string rest = others.empty() ? "three\n" : "thre" + others + "three\n";
    EXPECT_EQ(contents(path), before + "one\ntwo\n" + rest);
  }
}

TEST(DirectWriter, TakesWhatADeadWriterPutIntoAPipeForTaken) {
  Pipe pipe;
  Outlets outlets;
  outlets.access = Sink::standard(pipe.writer());
  DirectWriter writer(outlets);
  auto ring = std::make_unique<LogRing>();
  ring->append(LogKind::Access, "one\n");
  ring->note_writing(ring->end_position());
  ring->append(LogKind::Access, "two\n");
  writer.write_out(*ring);
  EXPECT_EQ(pipe.read(), "two\n");
}

}  // namespace
}  // namespace winghorn::log
