// SPDX-License-Identifier: MIT
#include "core/base/fault_signals.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

namespace winghorn {
namespace {

stack_t current() {
  stack_t stack{};
  ::sigaltstack(nullptr, &stack);
  return stack;
}

TEST(FaultSignals, AreBlockedByNoThreadOfOurs) {
  const sigset_t set = all_signals_but_faults();
  for (const int signal : kFaultSignals) EXPECT_EQ(sigismember(&set, signal), 0) << signal;
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD, SIGRTMIN}) {
    EXPECT_EQ(sigismember(&set, signal), 1) << signal;
  }
}

TEST(SignalStack, IsItsThreadsAloneAndGivesBackWhatWasThere) {
  std::thread([] {
    const stack_t before = current();
    {
      const SignalStack stack;
      const stack_t ours = current();
      EXPECT_EQ(ours.ss_flags & SS_DISABLE, 0);
      EXPECT_NE(ours.ss_sp, before.ss_sp);
      std::thread([&ours] { EXPECT_NE(current().ss_sp, ours.ss_sp); }).join();
    }
    EXPECT_EQ(current().ss_sp, before.ss_sp);
    EXPECT_EQ(current().ss_flags, before.ss_flags);
  }).join();
}

int deeper(volatile char* above, unsigned depth) {
  volatile char here[4096];  // NOLINT: to fill the stack
  here[0] = above[0];
  return depth == 0 ? 0 : deeper(here, depth - 1) + here[0];
}

TEST(SignalStackDeathTest, HasRoomForAHandlerWhenTheOtherHasNone) {
  const auto overflow = [] {
    const SignalStack stack;
    struct sigaction action{};
    action.sa_handler = [](int) { ::_Exit(7); };
    action.sa_flags = SA_ONSTACK;
    ::sigaction(SIGSEGV, &action, nullptr);
    volatile char start = 1;
    deeper(&start, ~0U);
  };
  EXPECT_EXIT(std::thread(overflow).join(), ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace winghorn
