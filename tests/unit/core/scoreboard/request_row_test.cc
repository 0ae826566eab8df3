// SPDX-License-Identifier: MIT
#include "core/scoreboard/request_row.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <new>

namespace winghorn {
namespace {

const Instant kSince = from_word(123'456'789);
constexpr RequestRow::Texts kHello{"GET", "/hello?x=1", "HTTP/1.1", "192.0.2.7"};

TEST(RequestRow, SaysWhatWasAsked) {
  RequestRow row;
  row.hold(42, kHello, kSince);
  const auto shown = row.read(42);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->id, 42U);
  EXPECT_EQ(shown->method, "GET");
  EXPECT_EQ(shown->target, "/hello?x=1");
  EXPECT_EQ(shown->version, "HTTP/1.1");
  EXPECT_EQ(shown->peer, "192.0.2.7");
  EXPECT_EQ(shown->since, kSince);
  EXPECT_EQ(shown->reply_status, 0);
  row.set_since(kSince + Seconds(1));
  row.note_reply(206, 5'000'000'000);
  EXPECT_EQ(row.read(42)->since, kSince + Seconds(1));
  EXPECT_EQ(row.read(42)->reply_status, 206);
  EXPECT_EQ(row.read(42)->reply_bytes, 5'000'000'000U);
}

TEST(RequestRow, IsReadByThoseAloneWhoKnowItsRequest) {
  RequestRow row;
  EXPECT_FALSE(row.read(0));
  EXPECT_FALSE(row.read_dead());
  row.hold(1, kHello, kSince);
  EXPECT_FALSE(row.read(2));
  EXPECT_EQ(row.read_dead()->id, 1U);
  row.free();
  EXPECT_FALSE(row.read(1));
  EXPECT_FALSE(row.read_dead());
}

TEST(RequestRow, LongFieldsAreCutAndMarked) {
  RequestRow row;
  row.hold(1,
           {std::string(5000, 'M'), std::string(70'000, 't'), "HTTP/12345", std::string(65, 'p')},
           kSince);
  EXPECT_EQ(row.read(1)->method, std::string(16, 'M') + "...");
  EXPECT_EQ(row.read(1)->target, std::string(384, 't') + "...");
  EXPECT_EQ(row.read(1)->version, "HTTP/123...");
  EXPECT_EQ(row.read(1)->peer, std::string(64, 'p') + "...");
}

TEST(RequestRow, EveryLengthComesBackWholeAndNothingOfTheRequestBefore) {
  RequestRow row;
  for (std::size_t size = 384; size > 0; --size) {
    std::string target;
    for (std::size_t i = 0; i < size; ++i) target += static_cast<char>('a' + i % 26);
    row.hold(size, {"GET", target, "HTTP/1.0", Bytes(target).substr(0, 64)}, kSince);
    ASSERT_EQ(row.read(size)->target, target);
    ASSERT_EQ(row.read(size)->peer, target.substr(0, 64));
    row.free();
  }
  row.hold(1, {"", "", "", ""}, kSince);
  EXPECT_EQ(row.read(1)->method + row.read(1)->target + row.read(1)->version + row.read(1)->peer,
            "");
}

TEST(RequestRow, ScribbledMemoryIsReadWithinItsBounds) {
  auto row = std::make_unique<RequestRow>();
  std::memset(static_cast<void*>(row.get()), 0xff, sizeof(RequestRow));
  EXPECT_EQ(row->read_dead()->method.size(), 16U + 3);
  EXPECT_EQ(row->read_dead()->target.size(), 384U + 3);
}

TEST(RequestRow, LiesOnItsOwnCacheLines) {
  static_assert(alignof(RequestRow) == 64);
  static_assert(sizeof(RequestRow) == 512);
}

// ---- one line, wherever the worker is killed

TEST(RequestLine, IsOwedUntilTheRingHasIt) {
  const auto ring = std::make_unique<LogRing>();
  RequestRow row;
  EXPECT_FALSE(row.is_line_owed(*ring));
  row.hold(1, kHello, kSince);
  EXPECT_TRUE(row.is_line_owed(*ring));
  ring->append(LogKind::Access, "somebody else's\n");
  EXPECT_TRUE(row.is_line_owed(*ring));
  ring->append(LogKind::Access, "line\n", &row.line_mark());
  EXPECT_FALSE(row.is_line_owed(*ring));
  ring->release_to(ring->end_position());
  EXPECT_FALSE(row.is_line_owed(*ring));
  row.free();
  row.hold(2, kHello, kSince);
  EXPECT_TRUE(row.is_line_owed(*ring));
}

TEST(RequestLine, ThatFoundNoRoomIsCountedAndNotOwed) {
  const auto ring = std::make_unique<LogRing>();
  while (ring->append(LogKind::Access, std::string(10'000, 'x'))) {
  }
  const std::uint64_t lost = ring->unreported();
  RequestRow row;
  row.hold(1, kHello, kSince);
  EXPECT_FALSE(ring->append(LogKind::Access, std::string(10'000, 'x'), &row.line_mark()));
  EXPECT_EQ(ring->unreported(), lost + 1);
  EXPECT_FALSE(row.is_line_owed(*ring));
}

struct Shared {
  LogRing ring;
  RequestRow row;
};

unsigned lines_in(const LogRing& ring) {
  unsigned lines = 0;
  const std::uint64_t end = ring.end_position();
  for (std::uint64_t at = ring.begin_position(); at != end; ++lines) {
    const auto record = ring.record_at(at, end);
    if (!record) return ~0U;
    at = record->next;
  }
  return lines;
}

// Lets a process run `work` one instruction after the other, and looks at its memory after each: as it would
// be found if the process had been killed there. False: this machine allows no such thing.
bool look_after_each_instruction(const std::function<void()>& work,
                                 const std::function<void()>& look) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
    ::raise(SIGSTOP);
    work();
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return false;
  while (true) {
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) break;
    ::waitpid(child, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) break;
    look();
  }
  const bool came_to_its_end = WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return came_to_its_end;
}

TEST(RequestLine, IsOneWhereverTheWorkerIsKilled) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto& shared = *static_cast<Shared*>(memory);
  const auto serve = [&shared](std::uint64_t id) {
    shared.row.hold(id, kHello, kSince);
    shared.ring.append(LogKind::Access, "its own line\n", &shared.row.line_mark());
    shared.row.free();
  };
  unsigned most = 0;
  unsigned looks = 0;
  const auto look = [&] {
    ++looks;
    const bool is_owed = shared.row.is_line_owed(shared.ring);
    const unsigned lines = lines_in(shared.ring) + (is_owed ? 1 : 0);
    // A request has no line before it is there, then one, and that stays.
    ASSERT_TRUE(lines == most || lines == most + 1) << lines << " after " << most;
    most = lines;
    if (!is_owed) return;
    const auto owed = shared.row.read_dead();
    ASSERT_TRUE(owed);
    EXPECT_EQ(owed->target, kHello.target);
    EXPECT_EQ(owed->id, most);
  };
  const auto work = [&] {
    for (std::uint64_t id = 1; id <= 3; ++id) serve(id);
  };
  if (!look_after_each_instruction(work, look)) {
    ::munmap(memory, sizeof(Shared));
    GTEST_SKIP() << "a process may not be traced here";
  }
  EXPECT_EQ(most, 3U);
  EXPECT_GT(looks, 100U);
  ::munmap(memory, sizeof(Shared));
}

}  // namespace
}  // namespace winghorn
