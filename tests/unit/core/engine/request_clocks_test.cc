// SPDX-License-Identifier: MIT
#include "core/engine/request_clocks.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "support/limits.h"

namespace winghorn {
namespace {

const Instant kStart = Instant(Seconds(1000));

class RequestClocksTest : public ::testing::Test {
 protected:
  struct Request {
    Request(const Limits& limits, const SpillPlace& spill, std::string target)
        : exchange(limits, spill), path(std::move(target)) {
      exchange.reset(1, connection);
      exchange.head.path = path;
    }
    ConnectionInfo connection;
    Exchange exchange;
    std::string path;
    RequestClock clock;
  };

  Request& begin(RequestClocks& clocks, std::string path, Instant ready = kStart) {
    requests_.push_back(std::make_unique<Request>(limits_, spill_, std::move(path)));
    Request& request = *requests_.back();
    clocks.begin(request.clock, request.exchange, ready);
    return request;
  }

  Limits limits_ = wide_limits();
  SpillPlace spill_;
  std::vector<std::unique_ptr<Request>> requests_;
};

RequestTimes times(Nanos timeout) {
  RequestTimes made;
  made.timeout = timeout;
  made.extension = Seconds(60);
  return made;
}

TEST_F(RequestClocksTest, WithoutTimesNothingIsDue) {
  const RequestTimes none;
  RequestClocks clocks(none);
  Request& request = begin(clocks, "/");
  EXPECT_FALSE(clocks.next_due().has_value());
  EXPECT_FALSE(request.exchange.deadline.is_set());
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(1'000'000)), nullptr);
  clocks.end(request.clock);
}

TEST_F(RequestClocksTest, EachIsOverdueOnceInItsTurn) {
  const RequestTimes five = times(Seconds(5));
  RequestClocks clocks(five);
  Request& first = begin(clocks, "/a");
  Request& second = begin(clocks, "/b", kStart + Seconds(1));
  EXPECT_EQ(clocks.next_due(), kStart + Seconds(5));
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(4)), nullptr);
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(5)), &first.exchange);
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(5)), nullptr);
  EXPECT_EQ(clocks.next_due(), kStart + Seconds(6));
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(6)), &second.exchange);
  EXPECT_FALSE(clocks.next_due().has_value());
}

TEST_F(RequestClocksTest, OneThatHasEndedIsForgotten) {
  const RequestTimes five = times(Seconds(5));
  RequestClocks clocks(five);
  Request& request = begin(clocks, "/");
  clocks.end(request.clock);
  clocks.end(request.clock);
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(50)), nullptr);
}

TEST_F(RequestClocksTest, EachHasWaitedTooLongOnce) {
  RequestTimes two;
  two.queue = Seconds(2);
  RequestClocks clocks(two);
  Request& first = begin(clocks, "/a");
  Request& second = begin(clocks, "/b", kStart + Seconds(1));
  EXPECT_EQ(clocks.next_due(), kStart + Seconds(2));
  EXPECT_EQ(clocks.next_kept_waiting(kStart + Seconds(1)), nullptr);
  EXPECT_EQ(clocks.next_kept_waiting(kStart + Seconds(2)), &first.exchange);
  EXPECT_EQ(clocks.next_kept_waiting(kStart + Seconds(2)), nullptr);
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(9)), nullptr);
  clocks.end(second.clock);
  EXPECT_EQ(clocks.next_kept_waiting(kStart + Seconds(9)), nullptr);
  EXPECT_FALSE(clocks.next_due().has_value());
}

TEST_F(RequestClocksTest, TheLongestPrefixCounts) {
  RequestTimes by_path = times(Seconds(5));
  by_path.by_prefix = {
      {"/reports/", Seconds(120)}, {"/reports/quick", Seconds(1)}, {"/events", Nanos(0)}};
  RequestClocks clocks(by_path);
  const auto due = [&](std::string path) {
    Request& request = begin(clocks, std::move(path));
    return request.exchange.deadline.when();
  };
  EXPECT_EQ(due("/"), kStart + Seconds(5));
  EXPECT_EQ(due("/reports/1"), kStart + Seconds(120));
  EXPECT_EQ(due("/reports/quick/1"), kStart + Seconds(1));
  EXPECT_EQ(due("/reports"), kStart + Seconds(5));
  EXPECT_EQ(due("/events/7"), std::nullopt);
  for (auto& request : requests_) clocks.end(request->clock);
}

TEST_F(RequestClocksTest, AMovedDeadlineStandsWhereItBelongs) {
  const RequestTimes five = times(Seconds(5));
  RequestClocks clocks(five);
  Request& moved = begin(clocks, "/moved");
  Request& other = begin(clocks, "/other", kStart + Seconds(1));
  moved.exchange.deadline.extend(Seconds(10));
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(5)), nullptr);
  EXPECT_EQ(clocks.next_due(), kStart + Seconds(6));
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(6)), &other.exchange);
  EXPECT_EQ(clocks.next_due(), kStart + Seconds(15));
  moved.exchange.deadline.extend(Seconds(1));
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(15)), nullptr);
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(16)), &moved.exchange);
}

TEST_F(RequestClocksTest, AMovedOneThatEndsIsForgottenToo) {
  const RequestTimes five = times(Seconds(5));
  RequestClocks clocks(five);
  Request& moved = begin(clocks, "/moved");
  moved.exchange.deadline.extend(Seconds(10));
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(5)), nullptr);
  clocks.end(moved.clock);
  EXPECT_FALSE(clocks.next_due().has_value());
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(50)), nullptr);
}

TEST_F(RequestClocksTest, ASlowOneIsToldOnceAndGoesOn) {
  RequestTimes slow = times(Seconds(5));
  slow.slow = Seconds(1);
  RequestClocks clocks(slow);
  Request& request = begin(clocks, "/");
  EXPECT_EQ(clocks.next_due(), kStart + Seconds(1));
  EXPECT_EQ(clocks.next_slow(kStart + Seconds(1)), &request.exchange);
  EXPECT_EQ(clocks.next_slow(kStart + Seconds(2)), nullptr);
  EXPECT_EQ(clocks.next_overdue(kStart + Seconds(5)), &request.exchange);
}

}  // namespace
}  // namespace winghorn
