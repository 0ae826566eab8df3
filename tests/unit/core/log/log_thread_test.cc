// SPDX-License-Identifier: MIT
#include "core/log/log_thread.h"

#include <memory>
#include <vector>

#include "places.h"

namespace winghorn::log {
namespace {

class LogThreadTest : public testing::Test {
 protected:
  LogThreadTest() {
    outlets_.errors = Sink::standard(errors_.writer());
    outlets_.access = Sink::standard(access_.writer());
  }

  void append(LogKind kind, Bytes text) {
    bool must_ring = false;
    {
      const std::lock_guard lock(producers_);
      ring_->append(kind, text);
      must_ring = thread_.must_ring();
      rings_ += must_ring ? 1 : 0;
    }
    if (must_ring) thread_.ring();
  }

  Pipe errors_;
  Pipe access_;
  Outlets outlets_;
  std::mutex producers_;
  int rings_ = 0;
  std::unique_ptr<LogRing> ring_ = std::make_unique<LogRing>();
  RingWriter writer_{*ring_, outlets_};
  LogThread thread_{writer_, outlets_, producers_};
};

TEST_F(LogThreadTest, WritesWhatIsAppended) {
  ASSERT_TRUE(thread_.start());
  append(LogKind::Error, "one\n");
  EXPECT_EQ(errors_.read_until("one\n"), "one\n");
  append(LogKind::Access, "two\n");
  EXPECT_EQ(access_.read_until("two\n"), "two\n");
  EXPECT_TRUE(thread_.stop(Millis(1000)));
}

TEST_F(LogThreadTest, StopWritesWhatIsLeft) {
  std::string all;
  for (int i = 0; i < 300; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    append(LogKind::Access, line);
    all += line;
  }
  ASSERT_TRUE(thread_.start());
  EXPECT_TRUE(thread_.stop(Millis(5000)));
  EXPECT_EQ(access_.read(), all);
}

TEST_F(LogThreadTest, StartsAgainAfterAStop) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(thread_.start());
    append(LogKind::Error, "x\n");
    EXPECT_TRUE(thread_.stop(Millis(1000)));
    EXPECT_EQ(errors_.read(), "x\n");
  }
}

TEST_F(LogThreadTest, ManyThreadsKeepEachTheirOrderAndTearNoLine) {
  const Folder folder;
  outlets_.access = Sink::file(folder.file("access")).value();
  ASSERT_TRUE(thread_.start());
  constexpr int kThreads = 4;
  constexpr int kLines = 400;  // all of them fit into the ring
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kLines; ++i) {
        append(LogKind::Access, std::to_string(t) + " " + std::to_string(i) +
                                    std::string(static_cast<std::size_t>(i % 90), '.') + "\n");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(thread_.stop(Millis(5000)));
  std::vector<int> next(kThreads, 0);
  for (const std::string& line : lines_of(contents(folder.file("access")))) {
    const int t = line[0] - '0';
    ASSERT_EQ(std::stoi(line.substr(2)), next[static_cast<std::size_t>(t)]++) << line;
  }
  EXPECT_EQ(next, std::vector<int>(kThreads, kLines));
  // A producer wakes the thread only when it sleeps.
  EXPECT_LT(rings_, kThreads * kLines / 4);
}

TEST_F(LogThreadTest, ASlowReaderGetsEverything) {
  ASSERT_TRUE(thread_.start());
  std::string all;
  for (int i = 0; i < 1500; ++i) {  // more than the pipe holds, less than the ring
    const std::string line = std::to_string(i) + std::string(100, '.') + "\n";
    append(LogKind::Access, line);
    all += line;
  }
  EXPECT_EQ(access_.read_until([&](const std::string& seen) { return seen.size() >= all.size(); }),
            all);
  EXPECT_TRUE(thread_.stop(Millis(1000)));
}

TEST_F(LogThreadTest, AReaderThatReadsNothingNeitherHoldsProducersNorTheStop) {
  access_.fill();
  errors_.fill();
  ASSERT_TRUE(thread_.start());
  for (int i = 0; i < 10'000; ++i) append(LogKind::Access, std::string(99, 'x') + "\n");
  const Instant before = now();
  EXPECT_TRUE(thread_.stop(Millis(50)));
  EXPECT_LT(now() - before, Seconds(5));
  EXPECT_FALSE(ring_->empty());
  EXPECT_GT(ring_->unreported(), 0U);
}

TEST_F(LogThreadTest, DropsAreReportedOnceThereIsRoom) {
  access_.fill();
  ASSERT_TRUE(thread_.start());
  for (int i = 0; i < 10'000; ++i) append(LogKind::Access, std::string(99, 'x') + "\n");
  access_.read();
  EXPECT_NE(errors_.read_until("log lines dropped").find("log lines dropped"), std::string::npos);
  EXPECT_TRUE(thread_.stop(Millis(1000)));
}

TEST_F(LogThreadTest, ReopensWhenAsked) {
  const Folder folder;
  const std::string path = folder.file("log");
  outlets_.errors = Sink::file(path).value();
  ASSERT_TRUE(thread_.start());
  append(LogKind::Error, "old\n");
  const Instant give_up = now() + Seconds(10);
  while (contents(path) != "old\n" && now() < give_up) std::this_thread::yield();
  std::filesystem::rename(path, path + ".1");
  thread_.ask_to_reopen();
  while (!std::filesystem::exists(path) && now() < give_up) std::this_thread::yield();
  append(LogKind::Error, "new\n");
  EXPECT_TRUE(thread_.stop(Millis(1000)));
  EXPECT_EQ(contents(path + ".1"), "old\n");
  EXPECT_EQ(contents(path), "new\n");
}

TEST_F(LogThreadTest, AFailedReopenIsSaidAndTheOldFileKept) {
  const Folder folder;
  std::filesystem::create_directory(folder.file("sub"));
  outlets_.access = Sink::file(folder.file("sub/access")).value();
  ASSERT_TRUE(thread_.start());
  std::filesystem::rename(folder.file("sub"), folder.file("gone"));
  thread_.ask_to_reopen();
  EXPECT_NE(errors_.read_until("isn't writable").find("[ERROR] Error: '"), std::string::npos);
  append(LogKind::Access, "kept\n");
  EXPECT_TRUE(thread_.stop(Millis(1000)));
  EXPECT_EQ(contents(folder.file("gone/access")), "kept\n");
}

TEST_F(LogThreadTest, BlocksAllSignals) {
  ASSERT_TRUE(thread_.start());
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_FALSE(::sigismember(&mask, SIGTERM));  // the starter's own mask is as before
  append(LogKind::Error, "x\n");
  errors_.read_until("x\n");
  bool found = false;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (contents(task.path() / "comm") != "winghorn-log\n") continue;
    found = true;
    const std::string status = contents(task.path() / "status");
    const auto at = status.find("SigBlk:");
    const auto blocked = std::stoull(status.substr(at + 7), nullptr, 16);
    EXPECT_TRUE(blocked & (1ULL << (SIGTERM - 1)));
    EXPECT_TRUE(blocked & (1ULL << (SIGPROF - 1)));
  }
  EXPECT_TRUE(found);
  EXPECT_TRUE(thread_.stop(Millis(1000)));
}

}  // namespace
}  // namespace winghorn::log
