// SPDX-License-Identifier: MIT
#include "core/base/native_thread.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

namespace winghorn {
namespace {

bool is_blocked(int signal) {
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return sigismember(&blocked, signal) == 1;
}

TEST(NativeThread, BlocksSignalsInTheNewThreadOnly) {
  bool there = false;
  Result<std::thread> thread =
      start_native_thread("start a thread", [&] { there = is_blocked(SIGTERM); });
  ASSERT_TRUE(thread);
  thread.value().join();
  EXPECT_TRUE(there);
  EXPECT_FALSE(is_blocked(SIGTERM));
}

}  // namespace
}  // namespace winghorn
