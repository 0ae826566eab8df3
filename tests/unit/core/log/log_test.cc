// SPDX-License-Identifier: MIT
//
// The log of a whole process: each case runs in a process of its own, as arbiters and workers do.
#include "core/log/log.h"

#include <sys/mman.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "core/log/incident.h"
#include "places.h"

namespace winghorn::log {
namespace {

// A ring in memory that is shared with children.
class SharedRing {
 public:
  SharedRing()
      : ring_(static_cast<LogRing*>(::mmap(nullptr, sizeof(LogRing), PROT_READ | PROT_WRITE,
                                           MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {}
  ~SharedRing() { ::munmap(ring_, sizeof(LogRing)); }
  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;
  LogRing& operator*() const { return *ring_; }
  LogRing* operator->() const { return ring_; }

 private:
  LogRing* ring_;
};

class LogTest : public testing::Test {
 protected:
  Places places() const { return {folder_.file("errors"), folder_.file("access")}; }
  std::string errors() const { return contents(folder_.file("errors")); }
  std::string access() const { return contents(folder_.file("access")); }

  Folder folder_;
  SharedRing ring_;
};

TEST_F(LogTest, ArbiterWritesAtOnceWhatIsWanted) {
  EXPECT_EQ(in_a_child([&] {
              EXPECT_FALSE(access_wanted());
              EXPECT_TRUE(open(places(), Level::Warning));
              EXPECT_TRUE(access_wanted());
              EXPECT_FALSE(wanted(Level::Info));
              info("not {}", "wanted");
              warning("{} of {}", 3, 4);
              EXPECT_TRUE(open(places(), Level::Debug));
              debug("small");
              critical("WORKER TIMEOUT (pid:{})", 7);
              EXPECT_FALSE(pending());
            }),
            0);
  const auto lines = lines_of(errors());
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_TRUE(lines[0].ends_with("] [WARNING] 3 of 4"));
  EXPECT_TRUE(lines[1].ends_with("] [DEBUG] small"));
  EXPECT_TRUE(lines[2].ends_with("] [CRITICAL] WORKER TIMEOUT (pid:7)"));
}

TEST_F(LogTest, AnUnwritablePlaceIsAFailureAndChangesNothing) {
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              const Status bad = open({"-", "/no/such/folder/log"}, Level::Info);
              EXPECT_FALSE(bad);
              EXPECT_TRUE(
                  bad.error().text().starts_with("Error: '/no/such/folder/log' isn't writable ["));
              info("still here");
            }),
            0);
  EXPECT_NE(errors().find("still here"), std::string::npos);
}

TEST_F(LogTest, StandardStreamsAreTheDashPlaces) {
  Pipe out;
  Pipe err;
  EXPECT_EQ(in_a_child([&] {
              ::dup2(out.writer(), 1);
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", "-"}, Level::Info));
              info("to stderr");
              say_access("to stdout\n");
            }),
            0);
  EXPECT_EQ(out.read(), "to stdout\n");
  EXPECT_NE(err.read().find("to stderr\n"), std::string::npos);
}

TEST_F(LogTest, TheArbiterIsNotHeldUpByAFullPipe) {
  Pipe err;
  const std::size_t junk = err.fill();
  EXPECT_EQ(in_a_child([&] {
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", ""}, Level::Info));
              for (int i = 0; i < 100; ++i) info("line {}", i);
              EXPECT_TRUE(pending());
              EXPECT_FALSE(flush_pending());
              EXPECT_EQ(err.read().size(), junk);
              EXPECT_TRUE(flush_pending());
              EXPECT_FALSE(pending());
            }),
            0);
  EXPECT_EQ(lines_of(err.read()).size(), 100U);
}

TEST_F(LogTest, AForkedProcessDoesNotRepeatItsParentsUnwrittenLines) {
  Pipe err;
  err.fill();
  EXPECT_EQ(in_a_child([&] {
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", ""}, Level::Info));
              info("of the parent");
              EXPECT_EQ(in_a_child([&] {
                          EXPECT_FALSE(pending());
                          err.read();
                          info("of the child");
                        }),
                        0);
              EXPECT_TRUE(flush_pending());
            }),
            0);
  const std::string text = err.read();
  EXPECT_EQ(lines_of(text).size(), 2U);
}

TEST_F(LogTest, AWorkersLinesGoThroughTheRingInOrder) {
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              attach_ring(*ring_);
              info("before the thread");
              EXPECT_NE(errors().find("before the thread"), std::string::npos);
              start_thread();
              for (int i = 0; i < 500; ++i) info("n {}", i);
              say_access("a\n");
              stop_thread();
              info("after the thread");
            }),
            0);
  const auto lines = lines_of(errors());
  ASSERT_EQ(lines.size(), 502U);
  for (int i = 0; i < 500; ++i)
    ASSERT_TRUE(lines[static_cast<std::size_t>(i) + 1].ends_with("n " + std::to_string(i)));
  EXPECT_TRUE(lines.back().ends_with("after the thread"));
  EXPECT_EQ(access(), "a\n");
  EXPECT_TRUE(ring_->empty());
}

TEST_F(LogTest, WhatAKilledWorkerHadFinishedIsWrittenByTheArbiter) {
  Pipe err;
  EXPECT_EQ(in_a_child([&] {
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", folder_.file("access")}, Level::Info));
              err.fill();
              const int status = in_a_child([&] {
                attach_ring(*ring_);
                start_thread();
                error("last words");
                ::raise(SIGKILL);
              });
              EXPECT_TRUE(WIFSIGNALED(status));
              err.read();
              drain_dead(*ring_);
            }),
            0);
  EXPECT_NE(err.read().find("[ERROR] last words\n"), std::string::npos);
  EXPECT_TRUE(ring_->empty());
}

StackRecord many_lines(int count) {
  StackRecord record{Incident::Kind::WorkerTimeout, "the stacks", {}};
  for (int i = 0; i < count; ++i) record.stacks += fmt::format("  line {:06}\n", i);
  record.stacks.pop_back();
  return record;
}

TEST_F(LogTest, StacksLongerThanTheRingArriveWholeAndInOrder) {
  const StackRecord record = many_lines(60'000);
  ASSERT_GT(record.stacks.size(), 3 * LogRing::kCapacity);
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              attach_ring(*ring_);
              start_thread();
              say_stacks(Level::Error, record, Seconds(10));
              say_stacks(Level::Debug, {log::Incident::Kind::Slow, "not wanted", {}}, Millis(0));
              stop_thread();
            }),
            0);
  const std::string written = errors();
  EXPECT_EQ(written.substr(written.find("the stacks:")), text_of(record) + "\n");
}

TEST_F(LogTest, LongStacksWaitForAReaderAndNotForEver) {
  const StackRecord record = many_lines(60'000);
  Pipe err;
  EXPECT_EQ(in_a_child([&] {
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", {}}, Level::Info));
              attach_ring(*ring_);
              start_thread();
              std::string got;
              std::thread reader([&] { got = err.read_until("line 059999\n"); });
              say_stacks(Level::Error, record, Seconds(10));
              reader.join();
              EXPECT_NE(got.find(text_of(record)), std::string::npos);
              // Nobody reads any more.
              const Instant before = now();
              say_stacks(Level::Error, record, Millis(200));
              EXPECT_LT(now() - before, Seconds(5));
              EXPECT_GT(ring_->unreported(), 0U);
              stop_thread(Millis(1));
            }),
            0);
}

TEST_F(LogTest, AProcessForkedFromAWorkerWritesForItself) {
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              attach_ring(*ring_);
              start_thread();
              info("worker before");
              EXPECT_EQ(in_a_child([&] {
                          const std::uint64_t end = ring_->end_position();
                          info("forked");
                          say_access("forked\n");
                          EXPECT_EQ(ring_->end_position(), end);
                          EXPECT_NE(errors().find("forked"), std::string::npos);
                        }),
                        0);
              info("worker after");
              stop_thread();
            }),
            0);
  EXPECT_EQ(lines_of(errors()).size(), 3U);
  EXPECT_EQ(access(), "forked\n");
}

TEST_F(LogTest, ForkingWhileOtherThreadsLogIsSafe) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // Locked by whoever allocated at that moment, and nobody is there to unlock it.
  GTEST_SKIP() << "the sanitizer's allocator takes no part in a fork";
#endif
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              attach_ring(*ring_);
              start_thread();
              std::atomic<bool> enough{false};
              std::thread talker([&] {
                while (!enough) {
                  say_access("talk\n");
                  std::this_thread::yield();
                }
              });
              for (int i = 0; i < 20; ++i) {
                EXPECT_EQ(in_a_child([] { info("forked"); }), 0);
              }
              enough = true;
              talker.join();
              stop_thread();
            }),
            0);
  // The worker may add that it was too fast for its own ring.
  int forked = 0;
  for (const std::string& line : lines_of(errors())) forked += line.ends_with("] forked") ? 1 : 0;
  EXPECT_EQ(forked, 20);
}

TEST_F(LogTest, ReopensInTheArbiterAndInTheWorker) {
  const std::string path = folder_.file("errors");
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              info("one");
              std::filesystem::rename(path, path + ".1");
              reopen();
              info("two");
              EXPECT_EQ(
                  in_a_child([&] {
                    attach_ring(*ring_);
                    start_thread();
                    std::filesystem::rename(path, path + ".2");
                    reopen();
                    const Instant give_up = now() + Seconds(10);
                    while (!std::filesystem::exists(path) && now() < give_up)
                      std::this_thread::yield();
                    info("three");
                    stop_thread();
                    // A rotated file is held by nobody, or its space would never be free again.
                    for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
                      std::error_code gone;
                      EXPECT_NE(std::filesystem::read_symlink(fd.path(), gone), path + ".2");
                    }
                  }),
                  0);
            }),
            0);
  EXPECT_TRUE(contents(path + ".1").ends_with("one\n"));
  EXPECT_TRUE(contents(path + ".2").ends_with("two\n"));
  EXPECT_TRUE(contents(path).ends_with("three\n"));
}

TEST_F(LogTest, StacksLongerThanARecordArriveWhole) {
  std::string stacks = "Stacks:";
  for (int i = 0; i < 2000; ++i) stacks += "\n  File \"/app/views.py\", line " + std::to_string(i);
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              attach_ring(*ring_);
              start_thread();
              say(Level::Critical, stacks);
              stop_thread();
            }),
            0);
  EXPECT_TRUE(errors().ends_with("[CRITICAL] " + stacks + "\n"));
}

TEST_F(LogTest, RawTextStaysAsItIs) {
  const std::string longer_than_a_record(LogRing::kLongestRecord + 100, 'x');
  const std::string text = "a\xff\n" + longer_than_a_record + "\nno end";
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Critical));
              say_raw("no");
              say_raw(" ring\n");
              attach_ring(*ring_);
              say_raw("no");
              say_raw(" thread\n");
              start_thread();
              say_raw(text);
              stop_thread();
              say_raw(".\n");
              say_raw("");
            }),
            0);
  EXPECT_EQ(errors(), "no ring\nno thread\n" + text + ".\n");
}

TEST_F(LogTest, RawTextThatNobodyReadsIsDroppedAndCounted) {
  Pipe err;
  err.fill();
  EXPECT_EQ(in_a_child([&] {
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", ""}, Level::Info));
              attach_ring(*ring_);
              start_thread();
              const std::string block(LogRing::kLongestRecord, 'x');
              for (int i = 0; i < 100; ++i) say_raw(block);
              EXPECT_GT(ring_->unreported(), 0U);
              stop_thread(Millis(50));
            }),
            0);
}

// Each line, parsed.
std::vector<nlohmann::json> objects_in(const std::string& text) {
  std::vector<nlohmann::json> objects;
  for (const std::string& line : lines_of(text)) {
    objects.push_back(nlohmann::json::parse(line, nullptr, false));
    EXPECT_TRUE(objects.back().is_object()) << line;
  }
  return objects;
}

TEST_F(LogTest, AsJsonEveryRecordIsALineOfItsOwn) {
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info, Format::Json));
              info("no ring");
              attach_ring(*ring_);
              error("with\na ring");
              start_thread();
              say_stacks(Level::Error, many_lines(60'000), Seconds(10));
              stop_thread();
              info("after");
            }),
            0);
  const auto objects = objects_in(errors());
  ASSERT_GT(objects.size(), 50U);
  EXPECT_EQ(objects[0]["message"], "no ring");
  EXPECT_EQ(objects[1]["message"], "with\na ring");
  EXPECT_EQ(objects[2]["part"], 1);
  EXPECT_EQ(objects[objects.size() - 2]["stacks"].back(), "  line 059999");
  EXPECT_EQ(objects.back()["message"], "after");
}

TEST_F(LogTest, AsJsonALineOfTheApplicationsIsKeptUntilItEnds) {
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Critical, Format::Json));
              say_raw("one\ntw");
              std::thread([] { say_raw("of another thread\n"); }).join();
              say_raw("o");
              end_raw();
              end_raw();
            }),
            0);
  const auto objects = objects_in(errors());
  ASSERT_EQ(objects.size(), 3U);
  EXPECT_EQ(objects[0]["message"], "one");
  EXPECT_EQ(objects[1]["message"], "of another thread");
  EXPECT_EQ(objects[2]["message"], "two");
  EXPECT_EQ(objects[2]["level"], "error");
  EXPECT_EQ(objects[2]["stream"], "wsgi.errors");
}

TEST_F(LogTest, AsJsonLinesOfSeveralProcessesAreNotMixedInASlowPipe) {
  Pipe err;
  std::string text;
  const std::string long_message(20'000, 'x');
  const int status = in_a_child([&] {
    ::dup2(err.writer(), 2);
    ASSERT_TRUE(open({"-", {}}, Level::Info, Format::Json));
    const auto talk = [&] {
      for (int i = 0; i < 50; ++i) {
        error("{}", long_message);
        while (!flush_pending()) std::this_thread::sleep_for(Millis(1));
      }
    };
    // Before there is another thread, which could hold the allocator's locks.
    const pid_t other = ::fork();
    if (other == 0) {
      talk();
      ::_exit(0);
    }
    std::thread reader([&] {
      text = err.read_until([](const std::string& all) { return all.ends_with("the end\"}\n"); });
    });
    talk();
    EXPECT_EQ(::waitpid(other, nullptr, 0), other);
    info("the end");
    reader.join();
    const auto objects = objects_in(text);
    EXPECT_GT(objects.size(), 2U * 50 * 5);
  });
  EXPECT_EQ(status, 0);
}

TEST_F(LogTest, AsJsonTheLostLinesAreReported) {
  Pipe err;
  const std::size_t junk = err.fill();
  std::string text;
  EXPECT_EQ(in_a_child([&] {
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", {}}, Level::Info, Format::Json));
              const std::string long_message(3000, 'x');
              for (int i = 0; i < 1000; ++i) info("{}", long_message);
              text = err.read().substr(junk);
              while (!flush_pending()) text += err.read();
              text += err.read();
              const auto objects = objects_in(text);
              EXPECT_NE(objects.back()["message"].get<std::string>().find("log lines dropped"),
                        std::string::npos);
            }),
            0);
}

TEST_F(LogTest, SeveralThreadsMayStopIt) {
  EXPECT_EQ(in_a_child([&] {
              ASSERT_TRUE(open(places(), Level::Info));
              attach_ring(*ring_);
              start_thread();
              std::vector<std::thread> threads;
              for (int i = 0; i < 3; ++i) threads.emplace_back([] { stop_thread(); });
              for (std::thread& thread : threads) thread.join();
              info("after");
            }),
            0);
  EXPECT_TRUE(errors().ends_with("] after\n"));
}

TEST_F(LogTest, StoppingDoesNotWaitForAReaderThatReadsNothing) {
  Pipe err;
  err.fill();
  EXPECT_EQ(in_a_child([&] {
              ::dup2(err.writer(), 2);
              ASSERT_TRUE(open({"-", ""}, Level::Info));
              attach_ring(*ring_);
              start_thread();
              error("kept for the arbiter");
              const Instant before = now();
              stop_thread(Millis(50));
              EXPECT_LT(now() - before, Seconds(5));
            }),
            0);
  EXPECT_FALSE(ring_->empty());
}

}  // namespace
}  // namespace winghorn::log
