// SPDX-License-Identifier: MIT
#include "core/base/park.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace winghorn {
namespace {

long futex(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* patience) {
  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
  return ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, patience, nullptr, 0);
}

}  // namespace

Wake wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t seen,
                std::optional<Nanos> patience) {
  timespec limit{};
  if (patience) {
    const auto nanos = std::max<Nanos::rep>(patience->count(), 0);
    limit.tv_sec = static_cast<time_t>(nanos / 1'000'000'000);
    limit.tv_nsec = static_cast<long>(nanos % 1'000'000'000);
  }
  if (futex(word, FUTEX_WAIT, seen, patience ? &limit : nullptr) == 0) return Wake::Rung;
  if (errno == EINTR) return Wake::Interrupted;
  return errno == ETIMEDOUT ? Wake::TimedOut : Wake::Rung;
}

void ring_one(std::atomic<std::uint32_t>& word) { futex(word, FUTEX_WAKE, 1, nullptr); }
void ring_all(std::atomic<std::uint32_t>& word) { futex(word, FUTEX_WAKE, INT_MAX, nullptr); }

}  // namespace winghorn
