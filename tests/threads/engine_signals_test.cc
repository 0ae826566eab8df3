// SPDX-License-Identifier: MIT
// What the main thread is woken for: handlers of the application's language, and the question whether its
// interpreter can be entered.
#include <fcntl.h>
#include <unistd.h>

#include "engine_fixture.h"

namespace winghorn::testing {
namespace {

class EngineSignals : public EngineTest {
 protected:
  void start_with_pipe(unsigned slots, const std::function<void(EngineSettings&)>& change = {}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC), 0);
    signals_ = Fd(ends[0]);
    handler_ = Fd(ends[1]);
    start(slots, change);
    if (slots > 1) threads_.emplace_back([this] { engine_->wait(); });
  }
  void a_handler_waits() { ASSERT_EQ(::write(handler_.get(), "x", 1), 1); }
  std::uint64_t stuck_since() { return board_->seat(seat_).progress.stuck_since.get(); }

  Fd handler_;
};

// No signal reaches any thread here: the pipe alone must do.
TEST_F(EngineSignals, AHandlerThatWaitsIsSeenByAnIdleSlot) {
  start_with_pipe(1);
  for (int round = 1; round <= 20; ++round) {
    a_handler_waits();
    ASSERT_TRUE(eventually([&] { return application_.interruptions.load() >= round; }));
  }
}

TEST_F(EngineSignals, AHandlerThatWaitsIsSeenByAnIdleMainThread) {
  start_with_pipe(2);
  for (int round = 1; round <= 20; ++round) {
    const int before = application_.interruptions;
    a_handler_waits();
    // The slot that runs the loop looks, too.
    ASSERT_TRUE(eventually([&] { return application_.interruptions.load() >= before + 1; }));
  }
}

TEST_F(EngineSignals, APipeThatEndsIsForgotten) {
  start_with_pipe(1);
  handler_.reset();
  ASSERT_TRUE(eventually([&] { return application_.interruptions.load() > 0; }));
  Client one = client();
  one.get("/hello");
  EXPECT_TRUE(one.read_until("hello"));
}

TEST_F(EngineSignals, AnInterpreterThatCannotBeEnteredIsShown) {
  application_.is_entered_by_nobody = true;
  start_with_pipe(2, [](EngineSettings& settings) { settings.timeout = Millis(200); });
  Client one = client();
  one.get("/hold");
  EXPECT_TRUE(eventually([&] { return stuck_since() != 0; }));
  application_.is_entered_by_nobody = false;
  application_.is_entered_by_nobody.notify_all();
  EXPECT_TRUE(eventually([&] { return stuck_since() == 0; }));
  application_.open();
  EXPECT_TRUE(one.read_until("\r\n\r\n"));
}

}  // namespace
}  // namespace winghorn::testing
