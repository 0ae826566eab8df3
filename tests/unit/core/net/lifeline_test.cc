// SPDX-License-Identifier: MIT
#include "core/net/lifeline.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace winghorn {
namespace {

TEST(LifelineTest, CarriesOneWordAtATime) {
  Lifeline line = make_lifeline().value();
  EXPECT_TRUE(say_order(line.arbiter_end.get(), Order::Reopen));
  EXPECT_TRUE(say_order(line.arbiter_end.get(), Order::Retire));
  EXPECT_TRUE(say_report(line.worker_end.get(), Report::Ready));
  char word = 0;
  EXPECT_EQ(hear(line.worker_end.get(), word), Heard::Word);
  EXPECT_EQ(word, static_cast<char>(Order::Reopen));
  EXPECT_EQ(hear(line.worker_end.get(), word), Heard::Word);
  EXPECT_EQ(word, static_cast<char>(Order::Retire));
  EXPECT_EQ(hear(line.worker_end.get(), word), Heard::Nothing);
  EXPECT_EQ(hear(line.arbiter_end.get(), word), Heard::Word);
  EXPECT_EQ(word, static_cast<char>(Report::Ready));
}

TEST(LifelineTest, ItsEndIsHeardAfterTheLastWord) {
  Lifeline line = make_lifeline().value();
  EXPECT_TRUE(say_order(line.arbiter_end.get(), Order::Quit));
  line.arbiter_end.reset();
  char word = 0;
  EXPECT_EQ(hear(line.worker_end.get(), word), Heard::Word);
  EXPECT_EQ(hear(line.worker_end.get(), word), Heard::End);
  EXPECT_FALSE(say_report(line.worker_end.get(), Report::Ready));
}

TEST(LifelineTest, NobodyIsWaitedFor) {
  Lifeline line = make_lifeline().value();
  int said = 0;
  while (said < 1'000'000 && say_order(line.arbiter_end.get(), Order::Reopen)) ++said;
  EXPECT_LT(said, 1'000'000);
}

TEST(LifelineTest, IsNotPassedToOtherPrograms) {
  const Lifeline line = make_lifeline().value();
  EXPECT_TRUE(::fcntl(line.arbiter_end.get(), F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(::fcntl(line.worker_end.get(), F_GETFD) & FD_CLOEXEC);
}

}  // namespace
}  // namespace winghorn
