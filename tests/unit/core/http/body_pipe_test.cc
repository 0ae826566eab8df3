// SPDX-License-Identifier: MIT
#include "core/http/body_pipe.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

namespace winghorn {
namespace {

std::string take(BodyPipe& pipe, std::size_t most) {
  std::string into(most, '\0');
  into.resize(pipe.take(into.data(), most));
  return into;
}

std::string letters(std::size_t count, char first = 'a') {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += static_cast<char>(first + i % 26);
  return text;
}

class BodyPipeTest : public ::testing::Test {
 protected:
  BodyPipeTest() {
    limits_.body_memory_bytes = 100;
    limits_.body_spill_bytes = 1000;
    pipe_.reset(limits_, place_);
  }

  Limits limits_;
  SpillPlace place_{"/tmp"};
  BodyPipe pipe_;
};

TEST_F(BodyPipeTest, GivesBackWhatWasPut) {
  ASSERT_TRUE(pipe_.put("hello ").ok());
  ASSERT_TRUE(pipe_.put("world").ok());
  EXPECT_EQ(pipe_.available(), 11U);
  EXPECT_EQ(take(pipe_, 4), "hell");
  EXPECT_EQ(take(pipe_, 100), "o world");
  EXPECT_EQ(take(pipe_, 100), "");
  EXPECT_EQ(pipe_.received(), 11U);
}

TEST_F(BodyPipeTest, SpillsBeyondMemoryInOrder) {
  const std::string all = letters(700);
  ASSERT_TRUE(pipe_.put(Bytes(all).substr(0, 60)).ok());
  ASSERT_TRUE(pipe_.put(Bytes(all).substr(60, 300)).ok());
  EXPECT_EQ(take(pipe_, 30), all.substr(0, 30)) << "memory has room again, but bytes lie behind it";
  ASSERT_TRUE(pipe_.put(Bytes(all).substr(360)).ok());
  EXPECT_EQ(take(pipe_, 1000), all.substr(30));
}

TEST_F(BodyPipeTest, IsFullWhenBothAreAndEmptyWhenBothWereRead) {
  EXPECT_EQ(pipe_.room(), 1100U);
  ASSERT_TRUE(pipe_.put(letters(1100)).ok());
  EXPECT_TRUE(pipe_.full());
  EXPECT_FALSE(pipe_.was_full()) << "it still is";
  take(pipe_, 100);
  EXPECT_TRUE(pipe_.full()) << "the file is emptied as a whole";
  take(pipe_, 1000);
  EXPECT_EQ(pipe_.room(), 1100U) << "the file begins again";
  EXPECT_TRUE(pipe_.was_full());
  EXPECT_FALSE(pipe_.was_full()) << "told once";
}

TEST_F(BodyPipeTest, TheFileNeverGrowsPastItsLimitHoweverMuchGoesThrough) {
  std::string sent;
  std::string got;
  for (int i = 0; i < 50; ++i) {
    const std::string part =
        letters(std::min<std::size_t>(pipe_.room(), 500), static_cast<char>('a' + i % 3));
    sent += part;
    ASSERT_TRUE(pipe_.put(part).ok());
    got += take(pipe_, i % 5 == 4 ? 10000 : 333);
  }
  got += take(pipe_, 10000);
  EXPECT_EQ(got, sent);
  EXPECT_EQ(pipe_.room(), 1100U);
}

TEST_F(BodyPipeTest, AnEndIsTheFirstOneSaid) {
  EXPECT_EQ(pipe_.state(), BodyState::Open);
  pipe_.end(BodyState::Malformed, "a bad chunk");
  pipe_.end(BodyState::Complete);
  EXPECT_EQ(pipe_.state(), BodyState::Malformed);
  EXPECT_EQ(pipe_.fault(), "a bad chunk");
  pipe_.reset(limits_, place_);
  EXPECT_EQ(pipe_.state(), BodyState::Open);
  EXPECT_EQ(pipe_.fault(), "");
  EXPECT_EQ(pipe_.received(), 0U);
}

TEST_F(BodyPipeTest, AFolderThatIsNoneIsPassedOver) {
  place_.directory = "/proc";
  pipe_.reset(limits_, place_);
  ASSERT_TRUE(pipe_.put(letters(800)).ok());
  EXPECT_EQ(take(pipe_, 1000), letters(800));
}

// A full disk and a limit on file sizes look alike from here: the write fails.
TEST(BodyPipeDeathTest, AFullDiskIsAFailureNotALie) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto scene = [] {
    std::signal(SIGXFSZ, SIG_IGN);  // as in every Python process
    Limits limits;
    limits.body_memory_bytes = 100;
    limits.body_spill_bytes = 1 << 20;
    const SpillPlace place{"/tmp"};
    const rlimit tight{4096, 4096};
    BodyPipe pipe;
    pipe.reset(limits, place);
    if (::setrlimit(RLIMIT_FSIZE, &tight) != 0) ::_exit(2);
    if (!pipe.put(std::string(3000, 'x')).ok()) ::_exit(3);
    const Status failed = pipe.put(std::string(10000, 'y'));
    if (failed.ok()) ::_exit(4);
    pipe.end(BodyState::NoSpace, "full");
    // What was kept is whole, and nothing of what failed is taken for the body's.
    const std::string got = take(pipe, 100000);
    if (got != std::string(3000, 'x')) ::_exit(5);
    ::_exit(pipe.state() == BodyState::NoSpace ? 0 : 6);
  };
  EXPECT_EXIT(scene(), ::testing::ExitedWithCode(0), "");
}

// A disk that stands still until it is let go on.
struct StuckDisk {
  static inline std::atomic<bool> asked{false};
  static inline std::atomic<bool> goes{false};

  static void stand_still() {
    asked = true;
    while (!goes) std::this_thread::yield();
  }
  static ssize_t write(int file, const void* from, std::size_t count, off_t at) {
    stand_still();
    return ::pwrite(file, from, count, at);
  }
  static ssize_t read(int file, void* into, std::size_t count, off_t at) {
    stand_still();
    return ::pread(file, into, count, at);
  }
  static void await_question() {
    while (!asked) std::this_thread::yield();
  }
  StuckDisk() { asked = goes = false; }
};

TEST_F(BodyPipeTest, ASlowDiskKeepsNobodyFromWhatIsInMemory) {
  const StuckDisk disk;
  place_.write = StuckDisk::write;
  pipe_.reset(limits_, place_);
  const std::string all = letters(300);
  std::thread owner([&] {
    EXPECT_TRUE(pipe_.put(all).ok());
    pipe_.end(BodyState::Complete);
  });
  StuckDisk::await_question();
  EXPECT_EQ(pipe_.available(), 100U) << "what is not yet written is not there";
  EXPECT_EQ(take(pipe_, 1000), all.substr(0, 100));
  EXPECT_EQ(take(pipe_, 1000), "");
  EXPECT_EQ(pipe_.state(), BodyState::Open);
  StuckDisk::goes = true;
  owner.join();
  EXPECT_EQ(take(pipe_, 1000), all.substr(100));
  EXPECT_EQ(pipe_.received(), 300U);
}

TEST_F(BodyPipeTest, ASlowDiskThatIsReadKeepsTheOwnerFromNothing) {
  const StuckDisk disk;
  place_.read = StuckDisk::read;
  pipe_.reset(limits_, place_);
  const std::string all = letters(600);
  ASSERT_TRUE(pipe_.put(Bytes(all).substr(0, 300)).ok());
  std::string got;
  std::thread slot([&] { got = take(pipe_, 1000); });
  StuckDisk::await_question();
  EXPECT_EQ(pipe_.room(), 800U);
  ASSERT_TRUE(pipe_.put(Bytes(all).substr(300)).ok());
  StuckDisk::goes = true;
  slot.join();
  EXPECT_EQ(got, all.substr(0, 300));
  EXPECT_EQ(take(pipe_, 1000), all.substr(300)) << "not given back with what was read before it";
}

TEST_F(BodyPipeTest, ReadersShareABodyWithoutReadingAByteTwice) {
  constexpr std::size_t kAll = 50'000;
  limits_.body_spill_bytes = kAll;
  pipe_.reset(limits_, place_);
  ASSERT_TRUE(pipe_.put(std::string(kAll, 'x')).ok());
  std::atomic<std::size_t> taken{0};
  const auto reader = [&] {
    for (std::string part = "-"; !part.empty(); taken += part.size()) part = take(pipe_, 77);
  };
  std::thread one(reader);
  std::thread other(reader);
  one.join();
  other.join();
  EXPECT_EQ(taken, kAll);
}

TEST_F(BodyPipeTest, TwoThreadsMoveMuchThroughLittle) {
  constexpr std::size_t kAll = 100'000;
  std::thread owner([&] {
    std::size_t sent = 0;
    while (sent < kAll) {
      const std::size_t count = std::min<std::size_t>({pipe_.room(), kAll - sent, 700});
      if (count == 0) {
        std::this_thread::yield();
        continue;
      }
      std::string part;
      for (std::size_t i = 0; i < count; ++i) part += static_cast<char>('a' + (sent + i) % 26);
      ASSERT_TRUE(pipe_.put(part).ok());
      sent += count;
    }
    pipe_.end(BodyState::Complete);
  });
  std::size_t got = 0;
  while (true) {
    const bool ended = pipe_.state() != BodyState::Open;
    const std::string part = take(pipe_, 1000);
    for (std::size_t i = 0; i < part.size(); ++i) {
      ASSERT_EQ(part[i], static_cast<char>('a' + (got + i) % 26)) << got + i;
    }
    got += part.size();
    if (part.empty() && ended) break;
  }
  owner.join();
  EXPECT_EQ(got, kAll);
}

}  // namespace
}  // namespace winghorn
