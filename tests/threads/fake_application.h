// fake_application.h: an application without Python, whose target says how it behaves.
//
//   /hello            answers at once              /sleep/MS    blocks, as time.sleep does
//   /spin/MS          computes                     /stream/N/MS N pieces with a pause before each
//   /echo             reads its body, sends it back
//   /big/BYTES        one large body in blocks, waiting for room
//   /hold...          blocks until the test says open()
//   /obey...          blocks until it is told to stop
//   /late             answers, and then blocks as /hold
//   /tell             reads its body, answers how that ended, as a number of BodyState
//   /early            answers without reading its body
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/http/application.h"

namespace winghorn::testing {

class FakeApplication final : public Application {
 public:
  std::atomic<int> calls{0};
  std::atomic<int> running{0};
  std::atomic<int> most_running{0};
  std::atomic<int> interruptions{0};
  std::atomic<bool> is_entered_by_nobody{false};  // while it is set, interrupted() does not return

  // Lets every /hold go on, those to come too.
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  // Later ones block again.
  void close() {
    const std::scoped_lock lock(mutex_);
    open_ = false;
  }
  bool has_run(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    return std::find(ran_.begin(), ran_.end(), path) != ran_.end();
  }

  void run(Exchange& exchange, Slot& slot) noexcept override {
    ++calls;
    const int now_running = ++running;
    int most = most_running.load();
    while (now_running > most && !most_running.compare_exchange_weak(most, now_running)) {
    }
    {
      const std::scoped_lock lock(mutex_);
      ran_.emplace_back(exchange.head.path);
    }
    serve(exchange, slot);
    --running;
  }
  void stop(unsigned, std::uint64_t exchange) noexcept override {
    const std::scoped_lock lock(mutex_);
    interrupts_.push_back(exchange);
    opened_.notify_all();
  }
  bool was_interrupted() {
    const std::scoped_lock lock(mutex_);
    return !interrupts_.empty();
  }
  void interrupted() noexcept override {
    is_entered_by_nobody.wait(true);
    ++interruptions;
  }

 private:
  static std::vector<unsigned> numbers(Bytes path) {
    std::vector<unsigned> found;
    for (std::size_t at = path.find('/', 1); at != Bytes::npos; at = path.find('/', at + 1)) {
      unsigned value = 0;
      std::from_chars(path.data() + at + 1, path.data() + path.size(), value);
      found.push_back(value);
    }
    return found;
  }

  static ReplyHead head(std::optional<std::uint64_t> length = {}) {
    ReplyHead head;
    head.set_status(200, "OK");
    if (length) head.set_content_length(*length);
    return head;
  }

  static void pause(unsigned ms) { std::this_thread::sleep_for(Millis(ms)); }

  void hold() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }

  void wait_for_interrupt(std::uint64_t exchange) {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] {
      return std::find(interrupts_.begin(), interrupts_.end(), exchange) != interrupts_.end();
    });
  }

  void serve(Exchange& exchange, Slot& slot) {
    const std::string path(exchange.head.path);
    const std::vector<unsigned> n = numbers(path);
    if (path.starts_with("/stream/")) return stream(exchange, slot, n[0], n[1]);
    if (path.starts_with("/big/")) return big(exchange, slot, n[0]);
    if (path == "/echo") return echo(exchange, slot);
    if (path == "/tell") return tell(exchange, slot);
    if (path.starts_with("/hold")) hold();
    if (path.starts_with("/obey")) wait_for_interrupt(exchange.id());
    if (path.starts_with("/sleep/")) pause(n[0]);
    if (path == "/late") {
      exchange.reply.answer(head(), path);
      slot.published(exchange);
      return hold();
    }
    if (path.starts_with("/spin/")) {
      const Instant until = now() + Millis(n[0]);
      while (now() < until) {
      }
    }
    exchange.reply.answer(head(), path);
  }

  static void stream(Exchange& exchange, Slot& slot, unsigned count, unsigned ms) {
    exchange.reply.start(head());
    for (unsigned i = 0; i < count && !exchange.reply.discarded(); ++i) {
      pause(ms);
      exchange.reply.write("piece " + std::to_string(i) + "\n");
      slot.published(exchange);
      slot.progress();
    }
    exchange.reply.finish();
  }

  static void big(Exchange& exchange, Slot& slot, std::uint64_t bytes) {
    exchange.reply.start(head(bytes));
    const std::string block(64 * 1024, 'b');
    while (bytes > 0 && !exchange.reply.discarded()) {
      const std::size_t count = std::min<std::uint64_t>(bytes, block.size());
      exchange.reply.write(Bytes(block).substr(0, count));
      bytes -= count;
      if (exchange.reply.ahead() > exchange.limits().reply_ahead_bytes) exchange.await_room(slot);
    }
    exchange.reply.finish();
  }

  static std::string read_body(Exchange& exchange, Slot& slot) {
    std::string body;
    std::vector<char> block(16 * 1024);
    while (true) {
      exchange.await_body(slot);
      const std::size_t count = exchange.body.take(block.data(), block.size());
      if (exchange.body.was_full()) slot.published(exchange);
      body.append(block.data(), count);
      if (count == 0 && (exchange.body.state() != BodyState::Open || exchange.reply.discarded())) {
        return body;
      }
    }
  }

  static void echo(Exchange& exchange, Slot& slot) {
    const std::string body = read_body(exchange, slot);
    exchange.reply.answer(head(body.size()), body);
  }

  static void tell(Exchange& exchange, Slot& slot) {
    read_body(exchange, slot);
    const auto state = static_cast<unsigned>(exchange.body.state());
    exchange.reply.answer(head(), "state " + std::to_string(state) + ".");
  }

  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
  std::vector<std::string> ran_;
  std::vector<std::uint64_t> interrupts_;
};

}  // namespace winghorn::testing
