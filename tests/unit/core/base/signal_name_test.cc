// SPDX-License-Identifier: MIT
#include "core/base/signal_name.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace winghorn {
namespace {

TEST(SignalName, IsTheOneOfTheManual) {
  EXPECT_EQ(signal_name(SIGHUP), "SIGHUP");
  EXPECT_EQ(signal_name(SIGSEGV), "SIGSEGV");
  EXPECT_EQ(signal_name(SIGCHLD), "SIGCHLD");
}

TEST(SignalName, OfOneWithoutIsItsNumber) { EXPECT_EQ(signal_name(SIGRTMAX), "signal 64"); }

}  // namespace
}  // namespace winghorn
