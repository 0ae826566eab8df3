// SPDX-License-Identifier: MIT
#include "core/log/ring_writer.h"

#include <memory>

#include "places.h"

namespace winghorn::log {
namespace {

using Step = RingWriter::Step;

class RingWriterTest : public testing::Test {
 protected:
  RingWriterTest() {
    outlets_.errors = Sink::standard(errors_.writer());
    outlets_.access = Sink::standard(access_.writer());
  }

  Step until_it_rests() {
    Step step = Step::Wrote;
    while ((step = writer_.step()) == Step::Wrote) {
    }
    return step;
  }

  Pipe errors_;
  Pipe access_;
  Outlets outlets_;
  std::unique_ptr<LogRing> ring_ = std::make_unique<LogRing>();
  RingWriter writer_{*ring_, outlets_};
};

TEST_F(RingWriterTest, SortsRecordsIntoTheirSinks) {
  ring_->append(LogKind::Error, "e1\n");
  ring_->append(LogKind::Access, "a1\n");
  ring_->append(LogKind::Access, "a2\n");
  ring_->append(LogKind::Error, "e2\n");
  EXPECT_EQ(until_it_rests(), Step::Empty);
  EXPECT_EQ(errors_.read(), "e1\ne2\n");
  EXPECT_EQ(access_.read(), "a1\na2\n");
  EXPECT_TRUE(ring_->empty());
}

TEST_F(RingWriterTest, LeavesNothingInDoubt) {
  ring_->append(LogKind::Access, "a1\n");
  EXPECT_EQ(until_it_rests(), Step::Empty);
  EXPECT_EQ(ring_->end_of_doubt(), ring_->begin_position());
  access_.fill();
  ring_->append(LogKind::Access, "a2\n");
  EXPECT_EQ(until_it_rests(), Step::Blocked);
  EXPECT_EQ(ring_->end_of_doubt(), ring_->begin_position());
}

TEST_F(RingWriterTest, OneWriteServesManyLines) {
  const Folder folder;
  outlets_.access = Sink::file(folder.file("access")).value();
  for (int i = 0; i < 500; ++i)
    ring_->append(LogKind::Access, "a line of some length, as they are\n");
  int steps = 0;
  while (writer_.step() == Step::Wrote) ++steps;
  EXPECT_EQ(steps, 1);
  EXPECT_EQ(lines_of(contents(folder.file("access"))).size(), 500U);
}

TEST_F(RingWriterTest, OrderAcrossKindsIsKeptWhereTheyShareAPlace) {
  outlets_.access = Sink::standard(errors_.writer());
  std::string all;
  errors_.fill();
  for (int i = 0; i < 20; ++i) {
    const std::string line = std::to_string(i) + "\n";
    ring_->append(i % 3 == 0 ? LogKind::Error : LogKind::Access, line);
    all += line;
  }
  EXPECT_EQ(until_it_rests(), Step::Blocked);
  errors_.read();
  EXPECT_EQ(until_it_rests(), Step::Empty);
  EXPECT_EQ(errors_.read(), all);
}

TEST_F(RingWriterTest, ErrorsGoPastAccessLinesThatNobodyReads) {
  const std::size_t junk = access_.fill();
  ring_->append(LogKind::Access, "a1\n");
  ring_->append(LogKind::Error, "e1\n");
  ring_->append(LogKind::Access, "a2\n");
  ring_->append(LogKind::Error, "e2\n");
  EXPECT_EQ(until_it_rests(), Step::Blocked);
  EXPECT_EQ(errors_.read(), "e1\ne2\n");
  std::string seen = access_.read();
  EXPECT_EQ(until_it_rests(), Step::Empty);
  seen += access_.read();
  EXPECT_EQ(seen.substr(junk), "a1\na2\n");
  EXPECT_EQ(errors_.read(), "");
}

TEST_F(RingWriterTest, AStalledSinkDoesNotSilenceTheOtherForEver) {
  access_.fill();
  std::size_t errors_written = 0;
  for (int i = 0; i < 20'000; ++i) {
    ring_->append(LogKind::Access, std::string(99, 'a') + "\n");
    if (i % 10 == 0 && ring_->append(LogKind::Error, "error\n")) ++errors_written;
    if (i % 100 == 0) until_it_rests();
  }
  until_it_rests();
  EXPECT_EQ(errors_written, 2000U);
  std::string seen = errors_.read();
  for (int more = 0; more < 100 && until_it_rests() == Step::Wrote; ++more) seen += errors_.read();
  seen += errors_.read();
  EXPECT_EQ(lines_of(seen).size(), errors_written);
  EXPECT_GT(ring_->unreported(), 10'000U);
}

TEST_F(RingWriterTest, ReportsDropsAtMostOnceASecond) {
  const Instant start = now();
  ring_->count_lost(3);
  writer_.report_drops(start);
  EXPECT_NE(errors_.read().find("[WARNING] 3 log lines dropped"), std::string::npos);
  ring_->count_lost(2);
  writer_.report_drops(start + Millis(500));
  EXPECT_EQ(errors_.read(), "");
  EXPECT_TRUE(writer_.owes_report());
  writer_.report_drops(start + Seconds(1));
  EXPECT_NE(errors_.read().find("2 log lines dropped"), std::string::npos);
  EXPECT_FALSE(writer_.owes_report());
}

TEST_F(RingWriterTest, AFullDiskCountsAndIsReportedElsewhere) {
  outlets_.access = Sink::file("/dev/full").value();
  for (int i = 0; i < 5; ++i) ring_->append(LogKind::Access, "a\n");
  EXPECT_EQ(until_it_rests(), Step::Empty);
  EXPECT_TRUE(ring_->empty());
  writer_.report_drops(now());
  EXPECT_NE(errors_.read().find("5 log lines dropped"), std::string::npos);
}

TEST_F(RingWriterTest, AReportThatIsLostIsOwedButNotRepeatedUntilSomethingGetsThrough) {
  const Folder folder;
  outlets_.errors = Sink::file("/dev/full").value();
  ring_->append(LogKind::Error, "e\n");
  EXPECT_EQ(until_it_rests(), Step::Empty);
  writer_.report_drops(now());
  EXPECT_FALSE(writer_.owes_report());
  EXPECT_EQ(ring_->unreported(), 1U);
  outlets_.errors = Sink::file(folder.file("errors")).value();
  ring_->append(LogKind::Error, "e2\n");
  EXPECT_EQ(until_it_rests(), Step::Empty);
  writer_.report_drops(now() + Seconds(2));
  EXPECT_NE(contents(folder.file("errors")).find("1 log lines dropped"), std::string::npos);
}

TEST_F(RingWriterTest, RecordsLongerThanAPipesAtomArriveWhole) {
  const std::string longest = std::string(LogRing::kLongestRecord - 1, 'x') + "\n";
  std::string all;
  for (int i = 0; i < 13; ++i) {
    ring_->append(LogKind::Error, longest);
    all += longest;
  }
  std::string seen;
  while (until_it_rests() != Step::Empty) seen += errors_.read();
  seen += errors_.read();
  EXPECT_EQ(seen, all);
}

TEST_F(RingWriterTest, AccessLinesWithoutAnAccessLogVanish) {
  outlets_.access = Sink();
  ring_->append(LogKind::Access, "a\n");
  EXPECT_EQ(until_it_rests(), Step::Empty);
  EXPECT_EQ(ring_->unreported(), 0U);
}

}  // namespace
}  // namespace winghorn::log
