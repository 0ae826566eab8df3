// SPDX-License-Identifier: MIT
//
// Many threads log through the process's ring while its thread writes, is asked to reopen and is stopped.
#include "core/log/log.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/log/access_log.h"

namespace winghorn::log {
namespace {

constexpr int kThreads = 4;

std::vector<std::string> lines_in(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void talk(int me, int lines) {
  const AccessFormat format = AccessFormat::compile("%(m)s %(s)s %(t)s").value();
  const std::string name = "thread" + std::to_string(me);
  std::string line;
  for (int i = 0; i < lines; ++i) {
    AccessRecord record;
    record.method = name;
    record.status = i + 1;  // 0 would be shown as "-"
    line.clear();
    format.format(record, line);
    say_access(line);
    if (i % 10 == 0) info("{} {}", name, i);
  }
}

// As a worker: attaches a ring, and everybody talks at once.
void work(LogRing& ring, const std::filesystem::path& folder) {
  EXPECT_TRUE(open({(folder / "errors").string(), (folder / "access").string()}, Level::Info));
  attach_ring(ring);
  info("before the thread");
  start_thread();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(talk, i, 1500);
  for (int i = 0; i < 5; ++i) {
    reopen();
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  stop_thread(Millis(20'000));
}

TEST(LogThreads, EveryLineIsWrittenWholeOrCounted) {
  std::string name = (std::filesystem::temp_directory_path() / "winghorn-log-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  // In a process of its own: a ring is attached for good.
  const pid_t child = ::fork();
  if (child == 0) {
    const auto ring = std::make_unique<LogRing>();
    work(*ring, folder);
    std::size_t reported = ring->unreported();
    for (const std::string& line : lines_in(folder / "errors")) {
      const auto at = line.find(" log lines dropped");
      if (at == std::string::npos) continue;
      reported += std::stoul(line.substr(line.rfind(' ', at - 1)));
    }
    std::size_t said = 0;
    for (const std::string& line : lines_in(folder / "errors")) {
      said += line.find("[INFO] ") != std::string::npos ? 1 : 0;
    }
    const auto access = lines_in(folder / "access");
    std::vector<int> last(kThreads, -1);
    for (const std::string& line : access) {
      EXPECT_TRUE(line.starts_with("thread") && line.ends_with(']')) << line;
      int& before = last.at(static_cast<std::size_t>(line[6] - '0'));
      EXPECT_GT(std::stoi(line.substr(8)), before);
      before = std::stoi(line.substr(8));
    }
    EXPECT_EQ(access.size() + said + reported, kThreads * (1500U + 150U) + 1U);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::filesystem::remove_all(folder);
}

TEST(LogRingThreads, ProducerAndConsumerShareNothingButTheRing) {
  const auto ring = std::make_unique<LogRing>();
  constexpr int kRecords = 20'000;
  std::thread producer([&] {
    for (int i = 0; i < kRecords;) {
      const std::string text =
          std::to_string(i) + std::string(static_cast<std::size_t>(i % 200), '.');
      if (ring->append(i % 2 ? LogKind::Access : LogKind::Error, text)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  int next = 0;
  while (next < kRecords) {
    const std::uint64_t end = ring->end_position();
    std::uint64_t at = ring->begin_position();
    while (at != end) {
      const auto record = ring->record_at(at, end);
      ASSERT_TRUE(record);
      if (!record->done) {
        ASSERT_EQ(std::stoi(std::string(record->text)), next++);
        if (next % 7 == 0) ring->mark_done(at);
      }
      at = record->next;
      ring->release_to(at);
    }
    std::this_thread::yield();
  }
  producer.join();
}

}  // namespace
}  // namespace winghorn::log
