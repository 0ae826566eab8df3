// SPDX-License-Identifier: MIT
#include "core/engine/deadline_list.h"

#include <gtest/gtest.h>

#include <array>

namespace winghorn {
namespace {

TEST(DeadlineList, TheFirstToJoinExpiresFirst) {
  DeadlineList list;
  list.set_patience(Seconds(10));
  std::array<DeadlineNode, 3> nodes;
  const Instant begin = now();
  for (int i = 0; i < 3; ++i) list.arm(nodes[static_cast<std::size_t>(i)], begin + Seconds(i));
  EXPECT_EQ(list.first(), begin + Seconds(10));
  EXPECT_EQ(list.expired(begin + Seconds(9)), nullptr);
  EXPECT_EQ(list.oldest(), &nodes[0]);
  EXPECT_EQ(list.expired(begin + Seconds(10)), &nodes[0]);
  DeadlineList::disarm(nodes[0]);
  EXPECT_EQ(list.expired(begin + Seconds(10)), nullptr);
  EXPECT_EQ(list.expired(begin + Seconds(60)), &nodes[1]);
}

TEST(DeadlineList, LeavesFromTheMiddleAndTheEnd) {
  DeadlineList list;
  std::array<DeadlineNode, 3> nodes;
  const Instant begin = now();
  for (DeadlineNode& node : nodes) list.arm(node, begin);
  DeadlineList::disarm(nodes[1]);
  DeadlineList::disarm(nodes[2]);
  EXPECT_EQ(list.expired(begin), &nodes[0]);
  DeadlineList::disarm(nodes[0]);
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.expired(begin + Seconds(1)), nullptr);
  EXPECT_EQ(list.oldest(), nullptr);
}

TEST(DeadlineList, ANodeThatIsInNoListMayBeDisarmed) {
  DeadlineNode node;
  DeadlineList::disarm(node);
  DeadlineList list;
  list.arm(node, now());
  DeadlineList::disarm(node);
  DeadlineList::disarm(node);
  EXPECT_TRUE(list.empty());
}

TEST(DeadlineList, ANodeComesBackAtTheEnd) {
  DeadlineList list;
  DeadlineNode one;
  DeadlineNode other;
  const Instant begin = now();
  list.arm(one, begin);
  list.arm(other, begin);
  DeadlineList::disarm(one);
  list.arm(one, begin + Seconds(1));
  EXPECT_EQ(list.expired(begin), &other);
}

TEST(DeadlineListDeathTest, ANodeIsInOneListOnly) {
  DeadlineList list;
  DeadlineNode node;
  list.arm(node, now());
  EXPECT_DEATH(list.arm(node, now()), "CHECK failed");
}

}  // namespace
}  // namespace winghorn
