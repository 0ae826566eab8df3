// SPDX-License-Identifier: MIT
#include "core/base/kernel_wait.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "core/base/clock.h"
#include "core/base/fd.h"

namespace winghorn {
namespace {

// Whether a thread that does `work` is soon seen to wait in that; else what it was seen in last. The socket
// that it gets ends then.
std::string seen_in(const std::string& wanted, const std::function<void(int socket)>& work) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  std::atomic<pid_t> id{0};
  std::thread thread([&] {
    id.store(::gettid());
    work(theirs.get());
  });
  std::optional<std::string> seen;
  const Instant give_up = now() + Seconds(5);
  while (seen != wanted && now() < give_up) seen = waits_in(id.load());
  ours.reset();
  thread.join();
  return seen.value_or("");
}

TEST(KernelWait, NamesTheSystemCall) {
  if (::access("/proc/self/syscall", R_OK) != 0) GTEST_SKIP() << "this kernel does not tell";
  char byte = 0;
  EXPECT_EQ(seen_in("recvfrom", [&](int socket) { ::recv(socket, &byte, 1, 0); }), "recvfrom");
  EXPECT_EQ(seen_in("read", [&](int socket) { EXPECT_EQ(::read(socket, &byte, 1), 0); }), "read");
  const auto poll = [](int socket) {
    pollfd wanted{socket, POLLIN, 0};
    ::syscall(SYS_ppoll, &wanted, 1, nullptr, nullptr, 0);
  };
  EXPECT_EQ(seen_in("ppoll", poll), "ppoll");
}

TEST(KernelWait, AThreadThatRunsOrIsGoneWaitsInNothing) {
  EXPECT_EQ(waits_in(0), std::nullopt);
  std::atomic<bool> over{false};
  std::atomic<pid_t> id{0};
  std::thread thread([&] {
    id.store(::gettid());
    while (!over.load()) {
    }
  });
  while (id.load() == 0) {
  }
  const std::optional<std::string> seen = waits_in(id.load());
  over.store(true);
  thread.join();
  EXPECT_EQ(seen, std::nullopt);
}

}  // namespace
}  // namespace winghorn
