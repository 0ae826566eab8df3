// loop_model.h: the rules of who runs the loop as a machine small enough to look at all of it.
//
// A state is all that matters of some slots, the watchdog, and some connections with edge-triggered input;
// successors() says what may happen next, one indivisible thing at a time. What is left out: bells and the
// queue's mutex (loop_ownership_test.cc runs the real ones), weak memory, bytes, and time: a tick may come
// whenever the watchdog is awake, a call takes as long as it likes. The number in the loop's word is left
// out too: no value of the word ever comes back, so all that counts is whether it changed since it was
// seen. Retiring is here: an order may come at any moment, and everybody must get home.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace winghorn::testing {

constexpr std::size_t kMostSlots = 3;
constexpr std::size_t kMostConnections = 3;

// What may be left out of the rules, to see that the search notices.
enum class Rule : std::uint8_t {
  None,
  FenceBetweenWordAndFlag,   // T1 looks whether the watchdog sleeps before its word can be seen
  LookBeforeSleeping,        // park
  InputIsTakenUpAgain,       // a reply is out, and input lies there whose edge is long past
  RepliesGoAlong,            // T3
  BatchGoesAlong,            // T3
  QueueIsEmpty,              // T6
  OrdersBeforeSleeping,      // the owner looks for orders once more before it waits for events
  WithdrawnIsNotBegun,       // a queued request was given up
  ConnectionWaitsForHome,    // a running request was given up
  HomecomingIsTold,          // the eventfd
  OfferIsTold,               // T5
  HandedOverLeavesTheQueue,  // a queued request went to another worker
};

// A short list of small numbers.
class Sequence {
 public:
  bool empty() const { return count_ == 0; }
  std::uint8_t front() const { return items_[0]; }
  void push(std::uint8_t item) { items_[count_++] = item; }
  std::uint8_t pop() {
    const std::uint8_t item = items_[0];
    --count_;
    for (std::size_t i = 0; i < count_; ++i) items_[i] = items_[i + 1];
    items_[count_] = 0;
    return item;
  }
  void clear() { *this = Sequence(); }
  friend bool operator==(const Sequence&, const Sequence&) = default;

 private:
  std::array<std::uint8_t, 7> items_{};
  std::uint8_t count_ = 0;
};

enum class At : std::uint8_t {
  Idle,      // in wait, or about to be
  Top,       // runs the loop: has not looked for orders in this turn
  Batch,     // runs the loop: works through what came
  Sleepy,    // runs the loop: nothing left, about to wait for events
  Publish,   // has a request, about to leave the loop
  Check,     // has left; about to look whether the watchdog sleeps
  LateWord,  // (a mistake) has looked; its word is not seen yet
  Call,      // in the application; the loop may be its to come back to
  Body,      // waits for its client
  Back,      // the call is done, about to take the loop
  Guest,     // in the application, the loop is somebody else's
  Home,      // done as a guest, about to say so
  Gone,
};
enum class Dog : std::uint8_t { Tick, Flagging, Looking, Asleep, Watching, HalfOrder, Gone };
enum class Phase : std::uint8_t { Loop, App, Watch, Offer };
enum class Request : std::uint8_t { None, Queued, Running, Replying, GivenUp, Closed };

struct ModelState {
  struct Slot {
    At at = At::Idle;
    std::uint8_t connection = 0;
    friend bool operator==(const Slot&, const Slot&) = default;
  };
  struct Connection {
    std::uint8_t unsent = 0;  // requests that the client has still to send
    std::uint8_t unread = 0;  // in the kernel
    std::uint8_t open = 0;    // requests begun and neither answered nor given up
    std::uint8_t edge = 0;    // the kernel would tell
    Request request = Request::None;
    friend bool operator==(const Connection&, const Connection&) = default;
  };

  Phase phase = Phase::Loop;
  std::uint8_t holder = 0;
  std::uint8_t seen = 0;  // the word is what the watchdog saw last
  Dog dog = Dog::Tick;
  At dog_at = At::Idle;  // while Watching: Top, Batch or Sleepy
  std::uint8_t parked = 0;
  std::uint8_t rung = 0;  // the eventfd
  std::uint8_t order_sent = 0;
  std::uint8_t order_read = 0;
  std::uint8_t draining = 0;
  std::uint8_t stopping = 0;
  std::array<Slot, kMostSlots> slots{};
  std::array<Connection, kMostConnections> connections{};
  Sequence batch;
  Sequence queue;
  Sequence home;
  Sequence replies;
  friend bool operator==(const ModelState&, const ModelState&) = default;
};

class LoopModel {
 public:
  // `requests` of each connection; `broken` is the rule that nobody keeps.
  LoopModel(std::size_t slots, std::vector<int> requests, Rule broken);

  ModelState first() const;

  // How a step counts when one asks who could go on.
  enum class Kind : std::uint8_t {
    World,        // may never happen: clients send, orders come, requests are given up
    Application,  // happens when the application likes
    Ours,
  };
  using Visit = std::function<void(const char* what, Kind kind, const ModelState& next)>;
  // What is wrong in this state or in a step from it, or nothing.
  std::string successors(const ModelState& from, const Visit& visit) const;

  bool done(const ModelState& state) const;
  // Something waits for whoever runs the loop.
  bool io_waits(const ModelState& state) const;

 private:
  class Step;

  std::size_t slots_;
  std::vector<int> requests_;
  Rule broken_;
};

}  // namespace winghorn::testing
