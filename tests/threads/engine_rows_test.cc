// SPDX-License-Identifier: MIT
//
// What the world may read of a worker's requests: there from the head on, gone when they are over, however
// they end.
#include <unordered_set>

#include "engine_fixture.h"

namespace winghorn {
namespace {

using testing::Client;
using testing::EngineTest;
using testing::eventually;

class RequestRowsTest : public EngineTest {
 protected:
  // Targets of what is held.
  std::unordered_multiset<std::string> held() const {
    std::unordered_multiset<std::string> targets;
    for (unsigned row = 0; row < board_->used_request_rows(seat_); ++row) {
      // Of a live worker this may be torn; the tests ask until they see what they wait for.
      if (const auto request = board_->request(seat_, row).read_dead())
        targets.insert(request->target);
    }
    return targets;
  }
  bool are_all_free() const {
    return eventually([this] { return held().empty(); });
  }
};

constexpr const char* kUpload = "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nhalf";

TEST_F(RequestRowsTest, AreHeldFromTheHeadOn) {
  start(1);
  Client running = client();
  running.get("/sleep/200");
  Client arriving = client();
  arriving.send(kUpload);
  EXPECT_TRUE(eventually([this] { return held().contains("/echo"); }));
  EXPECT_TRUE(running.read_until("/sleep/200"));
  arriving.send(std::string(96, 'x'));
  EXPECT_TRUE(arriving.read_until("half" + std::string(96, 'x')));
  EXPECT_TRUE(are_all_free());
}

TEST_F(RequestRowsTest, AreFreeHoweverARequestEnds) {
  start(2);
  Client served = client();
  for (int i = 0; i < 50; ++i) {
    served.get("/hello/x");
    ASSERT_TRUE(served.read_until("/hello/x"));
  }
  Client leaves = client();
  leaves.get("/sleep/50");
  leaves.reset();
  Client leaves_its_body = client();
  leaves_its_body.send(kUpload);
  leaves_its_body.reset();
  Client ends_its_body = client();
  ends_its_body.send(kUpload);
  ends_its_body.end_output();
  EXPECT_TRUE(ends_its_body.read_until(" 400 "));
  Client is_refused = client();
  is_refused.send("GET /refused HTTP/1.1\r\nno field\r\n\r\n");
  EXPECT_TRUE(is_refused.read_until(" 400 "));
  Client is_refused_and_gone = client();
  is_refused_and_gone.send("GET /refused HTTP/1.1\r\nno field\r\n\r\n");
  is_refused_and_gone.reset();
  Client is_refused_late = client();
  is_refused_late.send(
      "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n");
  EXPECT_TRUE(is_refused_late.read_until(" 400 "));
  EXPECT_TRUE(are_all_free());
  EXPECT_LT(board_->used_request_rows(seat_), 10U);
  EXPECT_EQ(board_->seat(seat_).engine.rowless.get(), 0U);
}

TEST_F(RequestRowsTest, ThatFindNoneFreeAreServedAndCounted) {
  start(1);
  std::vector<Client> uploads;
  const unsigned most = board_->request_rows_per_seat();
  for (unsigned i = 0; i < most; ++i) {
    uploads.push_back(client());
    ASSERT_TRUE(uploads.back().send(kUpload));
  }
  ASSERT_TRUE(eventually([&] { return held().size() == most; }));
  Client one_more = client();
  one_more.get("/hello/one-more");
  EXPECT_TRUE(one_more.read_until("/hello/one-more"));
  EXPECT_EQ(board_->seat(seat_).engine.rowless.get(), 1U);
  for (Client& upload : uploads) upload.reset();
  EXPECT_TRUE(are_all_free());
}

}  // namespace
}  // namespace winghorn
