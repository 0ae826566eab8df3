// SPDX-License-Identifier: MIT
#include "core/log/sink.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "places.h"

namespace winghorn::log {
namespace {

TEST(Sink, OffTakesEverythingAndWritesNothing) {
  Sink off;
  EXPECT_FALSE(off.on());
  EXPECT_TRUE(off.write("x\n"));
  EXPECT_EQ(off.take_lost(), 0U);
}

TEST(Sink, AppendsToAFile) {
  const Folder folder;
  const std::string path = folder.file("log");
  {
    std::ofstream(path) << "before\n";
  }
  Result<Sink> sink = Sink::file(path);
  ASSERT_TRUE(sink);
  EXPECT_TRUE(sink.value().write("one\n"));
  EXPECT_TRUE(sink.value().write("two\n"));
  EXPECT_EQ(contents(path), "before\none\ntwo\n");
}

TEST(Sink, UnwritableFileIsRefusedInGunicornsWords) {
  const Folder folder;
  EXPECT_EQ(Sink::file(folder.file("no/such/log")).error().text(),
            "Error: '" + folder.file("no/such/log") +
                "' isn't writable [FileNotFoundError(2, 'No such file or directory')]");
  EXPECT_EQ(Sink::file("/").error().text(),
            "Error: '/' isn't writable [IsADirectoryError(21, 'Is a directory')]");
}

TEST(Sink, ReopensUnderItsNameAfterARotation) {
  const Folder folder;
  const std::string path = folder.file("log");
  Sink sink = Sink::file(path).value();
  sink.write("old\n");
  std::filesystem::rename(path, path + ".1");
  sink.write("still old\n");
  ASSERT_TRUE(sink.reopen());
  sink.write("new\n");
  EXPECT_EQ(contents(path + ".1"), "old\nstill old\n");
  EXPECT_EQ(contents(path), "new\n");
}

TEST(Sink, FailedReopenKeepsTheOldFile) {
  const Folder folder;
  std::filesystem::create_directory(folder.file("sub"));
  Sink sink = Sink::file(folder.file("sub/log")).value();
  std::filesystem::rename(folder.file("sub"), folder.file("gone"));
  EXPECT_FALSE(sink.reopen());
  EXPECT_TRUE(sink.write("kept\n"));
  EXPECT_EQ(contents(folder.file("gone/log")), "kept\n");
}

TEST(Sink, AFullDiskLosesLinesAndCountsThem) {
  Sink sink = Sink::file("/dev/full").value();
  EXPECT_TRUE(sink.write("one\ntwo\n"));
  EXPECT_EQ(sink.take_lost(), 2U);
  EXPECT_EQ(sink.take_lost(), 0U);
  EXPECT_TRUE(sink.write("three\n"));
  EXPECT_EQ(sink.take_lost(), 1U);
}

TEST(Sink, APipeWithoutReaderLosesLines) {
  Pipe pipe;
  Sink sink = Sink::standard(pipe.writer());
  pipe.close_reader();
  EXPECT_TRUE(sink.write("one\n"));
  EXPECT_EQ(sink.take_lost(), 1U);
}

TEST(Sink, AFullPipeIsBusyAndNotWaitedFor) {
  Pipe pipe;
  Sink sink = Sink::standard(pipe.writer());
  pipe.fill();
  EXPECT_FALSE(sink.write("one\n"));
  EXPECT_FALSE(sink.wait_for_room(Millis(1)));
  pipe.read();
  EXPECT_TRUE(sink.wait_for_room(Millis(1000)));
  EXPECT_TRUE(sink.write("one\n"));
  EXPECT_EQ(pipe.read(), "one\n");
  EXPECT_EQ(sink.take_lost(), 0U);
}

TEST(Sink, LeavesTheSharedDescriptorBlocking) {
  const Pipe pipe;
  const Sink sink = Sink::standard(pipe.writer());
  EXPECT_EQ(::fcntl(pipe.writer(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(Sink, WhatThePipeTookInPartIsFinishedLater) {
  Pipe pipe;
  Sink sink = Sink::standard(pipe.writer());
  std::string lines;
  for (int i = 0; lines.size() < 200'000; ++i) lines += "line " + std::to_string(i) + "\n";
  EXPECT_TRUE(sink.write(lines));
  EXPECT_TRUE(sink.unfinished());
  EXPECT_FALSE(sink.write("later\n"));
  std::string seen;
  while (!sink.settle()) seen += pipe.read();
  EXPECT_TRUE(sink.write("last\n"));
  EXPECT_EQ(seen + pipe.read(), lines + "last\n");
}

TEST(Sink, LinesOfTwoWritersToOnePipeAreNeverMixed) {
  Pipe pipe;
  Sink first = Sink::standard(pipe.writer());
  Sink second = Sink::standard(pipe.writer());
  std::string seen;
  const auto batch = [](char letter) {
    std::string lines;
    for (int i = 0; i < 300; ++i)
      lines += std::string(static_cast<std::size_t>(1 + i * 13 % 200), letter) + "\n";
    return lines;
  };
  for (int round = 0; round < 50; ++round) {
    first.write(batch('a'));
    second.write(batch('b'));
    seen += pipe.read();
    first.settle();
  }
  while (!first.settle() || !second.settle()) seen += pipe.read();
  seen += pipe.read();
  for (const std::string& line : lines_of(seen)) {
    ASSERT_FALSE(line.empty());
    ASSERT_EQ(line.find_first_not_of(line[0]), std::string::npos) << line;
  }
}

TEST(Sink, ASocketIsNotWaitedForEither) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  Sink sink = Sink::standard(writer.get());
  const std::string line = std::string(999, 'x') + "\n";
  int taken = 0;
  while (sink.write(line)) ++taken;
  EXPECT_GT(taken, 10);
  EXPECT_EQ(sink.take_lost(), 0U);
  EXPECT_EQ(::fcntl(writer.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(Sink, AClosedDescriptorLosesLines) {
  Sink sink = Sink::standard(987);
  EXPECT_TRUE(sink.write("x\n"));
  EXPECT_EQ(sink.take_lost(), 1U);
}

TEST(Sink, AFifoThatNobodyReadsDoesNotHoldUpTheStart) {
  const Folder folder;
  ASSERT_EQ(::mkfifo(folder.file("fifo").c_str(), 0600), 0);
  Result<Sink> sink = Sink::file(folder.file("fifo"));
  ASSERT_TRUE(sink);
  int taken = 0;
  const std::string line = std::string(4000, 'x') + "\n";
  while (taken < 1000 && sink.value().write(line)) ++taken;
  EXPECT_GT(taken, 3);
  EXPECT_LT(taken, 1000);
}

TEST(Sink, KnowsThatTwoDescriptorsLeadToOnePlace) {
  const Pipe pipe;
  const Pipe other;
  const Fd copy(::dup(pipe.writer()));
  EXPECT_TRUE(Sink::standard(pipe.writer()).same_place_as(Sink::standard(copy.get())));
  EXPECT_FALSE(Sink::standard(pipe.writer()).same_place_as(Sink::standard(other.writer())));
}

TEST(Sink, ALineCutShortByAFullDiskDoesNotSwallowTheNext) {
  // RLIMIT_FSIZE stands for the disk; in a child, because it cannot be raised again.
  const Folder folder;
  const std::string path = folder.file("log");
  EXPECT_EQ(in_a_child([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              Sink sink = Sink::file(path).value();
              const rlimit small{100, 1000};
              ::setrlimit(RLIMIT_FSIZE, &small);
              EXPECT_TRUE(sink.write(std::string(90, 'a') + "\n"));
              EXPECT_TRUE(sink.write(std::string(50, 'b') + "\n"));
              EXPECT_TRUE(sink.write(std::string(50, 'c') + "\n"));
              EXPECT_EQ(sink.take_lost(), 2U);
              const rlimit large{1000, 1000};
              ::setrlimit(RLIMIT_FSIZE, &large);
              EXPECT_TRUE(sink.write("whole\n"));
              EXPECT_EQ(sink.take_lost(), 0U);
            }),
            0);
  EXPECT_EQ(lines_of(contents(path)).back(), "whole");
}

}  // namespace
}  // namespace winghorn::log
