// SPDX-License-Identifier: MIT
#include "loop_model.h"

#include <algorithm>

namespace winghorn::testing {
namespace {

constexpr std::uint8_t kBell = 0xff;  // in a batch: the eventfd was readable

}  // namespace

// All steps from one state. Each method ends in go(), or does nothing when its step is not possible.
class LoopModel::Step {
 public:
  Step(const LoopModel& model, const ModelState& from, const Visit& visit)
      : model_(model), from_(from), visit_(visit) {}

  std::string all() {
    for (std::size_t i = 0; i < model_.requests_.size(); ++i) client(i);
    order();
    for (std::size_t i = 0; i < model_.slots_; ++i) slot(i);
    watchdog();
    return wrong_;
  }

 private:
  bool broken(Rule rule) const { return model_.broken_ == rule; }
  void go(const char* what, Kind kind, const ModelState& next) { visit_(what, kind, next); }
  void bad(const char* what) {
    if (wrong_.empty()) wrong_ = what;
  }
  static void set_word(ModelState& s, Phase phase, std::size_t holder = 0) {
    s.phase = phase;
    s.holder = static_cast<std::uint8_t>(holder);
    s.seen = 0;
  }
  static bool is_word(const ModelState& s, Phase phase, std::size_t holder) {
    return s.phase == phase && s.holder == holder;
  }

  // ---- the world

  void client(std::size_t i) {
    const ModelState::Connection& one = from_.connections[i];
    if (one.unsent == 0 || one.request == Request::Closed) return;
    ModelState s = from_;
    --s.connections[i].unsent;
    ++s.connections[i].unread;
    s.connections[i].edge = 1;
    go("a client sends", Kind::World, s);
  }

  void order() {
    if (from_.order_sent != 0 || from_.stopping != 0) return;
    ModelState s = from_;
    s.order_sent = 1;
    go("the arbiter says retire", Kind::World, s);
  }

  // ---- slots

  void slot(std::size_t i) {
    switch (from_.slots[i].at) {
      case At::Idle:
        return wait(i);
      case At::Top:
      case At::Batch:
      case At::Sleepy:
        if (!is_word(from_, Phase::Loop, i)) return bad("a slot runs a loop that is not its own");
        return run_loop(from_.slots[i].at, [i](ModelState& s) -> At& { return s.slots[i].at; }, i);
      case At::Publish:
        return leave(i);
      case At::Check:
      case At::LateWord:
        return check(i);
      case At::Call:
        return call(i);
      case At::Body:
      case At::Gone:
        return;
      case At::Back:
        return come_back(i);
      case At::Guest: {
        ModelState s = from_;
        s.slots[i].at = At::Home;
        return go("a guest's call returns", Kind::Application, s);
      }
      case At::Home:
        return come_home(i);
    }
  }

  void wait(std::size_t i) {
    ModelState s = from_;
    if (!s.queue.empty()) {
      const std::uint8_t c = s.queue.pop();
      s.slots[i] = {At::Guest, c};
      if (s.connections[c].request == Request::Queued) {
        s.connections[c].request = Request::Running;
      } else if (broken(Rule::WithdrawnIsNotBegun)) {
        return bad("a request is run that was given up");
      } else {
        s.slots[i].at = At::Home;
      }
      return go("takes from the queue", Kind::Ours, s);
    }
    if (s.stopping != 0) {
      s.slots[i].at = At::Gone;
      return go("a slot goes", Kind::Ours, s);
    }
    if (!is_word(s, Phase::Loop, i)) return;
    s.slots[i].at = At::Top;
    go("takes the loop that was given", Kind::Ours, s);
  }

  void leave(std::size_t i) {
    ModelState s = from_;
    if (broken(Rule::FenceBetweenWordAndFlag)) {
      s.parked = 0;
      s.slots[i].at = At::LateWord;
      go("looks at the flag too early", Kind::Ours, s);
    } else {
      set_word(s, Phase::App, i);
      s.slots[i].at = At::Check;
      go("T1", Kind::Ours, s);
    }
    for (std::size_t j = 0; j < model_.slots_; ++j) {
      if (j == i || from_.slots[j].at != At::Idle || !from_.queue.empty()) continue;
      ModelState t = from_;
      send_replies(t);
      set_word(t, Phase::Loop, j);
      t.slots[i].at = At::Guest;
      go("T4", Kind::Ours, t);
    }
  }

  void check(std::size_t i) {
    ModelState s = from_;
    if (from_.slots[i].at == At::LateWord) {
      set_word(s, Phase::App, i);
    } else {
      s.parked = 0;  // rings, if it was set
    }
    s.slots[i].at = At::Call;
    go("begins the call", Kind::Ours, s);
  }

  void call(std::size_t i) {
    ModelState s = from_;
    s.slots[i].at = At::Back;
    go("the call returns", Kind::Application, s);
    s = from_;
    s.slots[i].at = At::Body;
    if (is_word(s, Phase::App, i)) {
      set_word(s, Phase::Offer);
      if (!broken(Rule::OfferIsTold)) s.parked = 0;
    }
    go("T5", Kind::Application, s);
  }

  void come_back(std::size_t i) {
    ModelState s = from_;
    if (!is_word(s, Phase::App, i)) {
      s.slots[i].at = At::Home;
      return go("finds the loop taken", Kind::Ours, s);
    }
    set_word(s, Phase::Loop, i);
    s.slots[i].at = At::Batch;
    is_home(s, s.slots[i].connection);
    go("T2", Kind::Ours, s);
  }

  void come_home(std::size_t i) {
    ModelState s = from_;
    s.home.push(s.slots[i].connection);
    if (!broken(Rule::HomecomingIsTold)) s.rung = 1;
    s.slots[i].at = At::Idle;
    go("comes home", Kind::Ours, s);
  }

  // ---- whoever runs the loop: slot i, or the watchdog as kMostSlots

  template <class Place>
  void run_loop(At at, Place place, std::size_t me) {
    const bool dog = me == kMostSlots;
    ModelState s = from_;
    if (at == At::Top) {
      obey(s);
      place(s) = At::Batch;
      return go("looks for orders", Kind::Ours, s);
    }
    give_up();
    if (dog) hand_over();
    if (at == At::Batch && !s.batch.empty()) return next_event(me);
    if (at == At::Batch) {
      send_replies(s);
      place(s) = s.batch.empty() ? At::Sleepy : At::Batch;
      return go("sends replies", Kind::Ours, s);
    }
    if (nothing_left(s)) {
      s.stopping = 1;
      if (dog) {
        s.dog = Dog::Gone;
      }
      place(s) = At::Idle;
      return go("the worker is done", Kind::Ours, s);
    }
    if (dog) hand_back();
    if (orders_wait(s) && !broken(Rule::OrdersBeforeSleeping)) {
      place(s) = At::Top;
      return go("finds an order before it sleeps", Kind::Ours, s);
    }
    // The watchdog's waits have an end, so it sees orders in any case.
    if (!something_came(s) && !(dog && orders_wait(s))) return;
    fetch(s);
    place(s) = At::Top;
    go("events", Kind::Ours, s);
  }

  void next_event(std::size_t me) {
    ModelState s = from_;
    const std::uint8_t event = s.batch.pop();
    if (event == kBell) {
      s.rung = 0;
      while (!s.home.empty()) is_home(s, s.home.pop());
      return go("takes what came home", Kind::Ours, s);
    }
    ModelState::Connection& one = s.connections[event];
    if (one.request == Request::None && one.unread > 0) {
      --one.unread;
      ++one.open;
      if (me == kMostSlots) {
        one.request = Request::Queued;
        s.queue.push(event);
      } else {
        one.request = Request::Running;
        s.slots[me] = {At::Publish, event};
      }
    }
    go("handles an event", Kind::Ours, s);
  }

  // A client has gone or a deadline has passed; only ever between two events.
  void give_up() {
    for (std::size_t c = 0; c < model_.requests_.size(); ++c) {
      const Request request = from_.connections[c].request;
      if (request != Request::Queued && request != Request::Running) continue;
      ModelState s = from_;
      ModelState::Connection& one = s.connections[c];
      one.open = 0;
      one.unsent = one.unread = one.edge = 0;
      one.request = broken(Rule::ConnectionWaitsForHome) ? Request::Closed : Request::GivenUp;
      go("gives a request up", Kind::World, s);
    }
  }

  // With its connection; what becomes of it there is handover_model_test.cc's.
  void hand_over() {
    if (from_.queue.empty()) return;
    ModelState s = from_;
    const std::uint8_t c = s.queue.front();
    if (s.connections[c].request != Request::Queued) return;
    if (!broken(Rule::HandedOverLeavesTheQueue)) s.queue.pop();
    close(s.connections[c]);
    s.connections[c].open = 0;
    go("hands a request over", Kind::World, s);
  }

  void is_home(ModelState& s, std::uint8_t c) {
    ModelState::Connection& one = s.connections[c];
    switch (one.request) {
      case Request::Running:
        one.request = Request::Replying;
        return s.replies.push(c);
      case Request::GivenUp:
        one.request = Request::Closed;
        return;
      case Request::Closed:
        return bad("a connection is touched that is closed");
      case Request::None:
      case Request::Queued:
      case Request::Replying:
        return bad("comes home twice, or was never away");
    }
  }

  void send_replies(ModelState& s) {
    while (!s.replies.empty()) {
      const std::uint8_t c = s.replies.pop();
      ModelState::Connection& one = s.connections[c];
      if (one.request != Request::Replying || one.open != 1) bad("answers what it does not owe");
      one.open = 0;
      one.request = Request::None;
      if (s.draining != 0) {
        close(one);
      } else if (one.unread > 0 && !broken(Rule::InputIsTakenUpAgain)) {
        s.batch.push(c);
      }
    }
  }

  static void close(ModelState::Connection& one) {
    one.request = Request::Closed;
    one.unsent = one.unread = one.edge = 0;
  }

  static bool orders_wait(const ModelState& s) { return s.order_read != 0 && s.draining == 0; }

  void obey(ModelState& s) {
    if (!orders_wait(s)) return;
    s.draining = 1;
    for (std::size_t c = 0; c < model_.requests_.size(); ++c) {
      if (s.connections[c].request == Request::None) close(s.connections[c]);
    }
  }

  bool something_came(const ModelState& s) const {
    return s.rung != 0 ||
           std::any_of(s.connections.begin(), s.connections.end(),
                       [](const ModelState::Connection& one) { return one.edge != 0; }) ||
           std::any_of(s.slots.begin(), s.slots.end(),
                       [](const ModelState::Slot& slot) { return slot.at == At::Body; });
  }

  void fetch(ModelState& s) {
    for (std::size_t c = 0; c < model_.requests_.size(); ++c) {
      if (s.connections[c].edge != 0) s.batch.push(static_cast<std::uint8_t>(c));
      s.connections[c].edge = 0;
    }
    if (s.rung != 0) s.batch.push(kBell);
    for (ModelState::Slot& slot : s.slots) {
      if (slot.at == At::Body) slot.at = At::Guest;  // its bytes came
    }
  }

  bool nothing_left(const ModelState& s) const {
    const auto busy = [](const ModelState::Slot& slot) {
      return slot.at != At::Idle && slot.at != At::Sleepy;
    };
    for (std::size_t c = 0; c < model_.requests_.size(); ++c) {
      if (s.connections[c].request != Request::Closed) return false;
    }
    return s.draining != 0 && s.queue.empty() && s.home.empty() &&
           std::none_of(s.slots.begin(), s.slots.end(), busy);
  }

  // ---- the watchdog

  void watchdog() {
    ModelState s = from_;
    if (s.dog == Dog::Gone) return;
    if (s.dog == Dog::Watching) {
      if (s.phase != Phase::Watch) return bad("the watchdog runs a loop that is not its own");
      if (s.order_sent != 0 && s.order_read == 0) {
        s.order_read = 1;
        go("reads an order while it watches", Kind::Ours, s);
      }
      return run_loop(s.dog_at, [](ModelState& t) -> At& { return t.dog_at; }, kMostSlots);
    }
    if (s.stopping != 0) {
      s.dog = Dog::Gone;
      return go("the watchdog goes", Kind::Ours, s);
    }
    not_watching();
  }

  void not_watching() {
    ModelState s = from_;
    const bool has_order = s.order_sent != 0 && s.order_read == 0;
    switch (s.dog) {
      case Dog::HalfOrder:
        s.rung = 1;
        s.dog = Dog::Tick;
        return go("rings for the order", Kind::Ours, s);
      case Dog::Tick:
        if (has_order) {
          s.order_read = 1;
          s.dog = Dog::HalfOrder;
          return go("reads an order", Kind::Ours, s);
        }
        return tick();
      case Dog::Flagging:
        s.parked = 1;
        s.dog = Dog::Looking;
        return go("says that it will sleep", Kind::Ours, s);
      case Dog::Looking:
        s.dog = Dog::Asleep;
        if (s.seen == 0 && !broken(Rule::LookBeforeSleeping)) {
          s.dog = Dog::Tick;
          s.parked = 0;
        }
        return go("looks once more", Kind::Ours, s);
      case Dog::Asleep:
        if (s.parked != 0 && !has_order) return;
        s.dog = Dog::Tick;
        s.parked = s.seen = 0;
        return go("wakes", Kind::Ours, s);
      case Dog::Watching:
      case Dog::Gone:
        return;
    }
  }

  void tick() {
    ModelState s = from_;
    if (s.phase == Phase::Offer) {
      take(s);
      return go("accepts the offer", Kind::Ours, s);
    }
    if (s.seen == 0) {
      s.seen = 1;
      return go("looks", Kind::Ours, s);
    }
    if (s.phase == Phase::App) {
      if (broken(Rule::RepliesGoAlong)) {
        for (; !s.replies.empty(); s.replies.pop()) {
        }
      }
      if (broken(Rule::BatchGoesAlong)) s.batch.clear();
      take(s);
      return go("T3", Kind::Ours, s);
    }
    s.dog = Dog::Flagging;
    go("is going to sleep", Kind::Ours, s);
  }

  static void take(ModelState& s) {
    set_word(s, Phase::Watch);
    s.dog = Dog::Watching;
    s.dog_at = At::Top;
    s.parked = 0;
  }

  void hand_back() {
    if (!from_.queue.empty() && !broken(Rule::QueueIsEmpty)) return;
    if (!from_.home.empty()) return;
    for (std::size_t j = 0; j < model_.slots_; ++j) {
      if (from_.slots[j].at != At::Idle) continue;
      ModelState s = from_;
      set_word(s, Phase::Loop, j);
      s.dog = Dog::Tick;
      s.dog_at = At::Idle;
      go("T6", Kind::Ours, s);
    }
  }

  const LoopModel& model_;
  const ModelState& from_;
  const Visit& visit_;
  std::string wrong_;
};

LoopModel::LoopModel(std::size_t slots, std::vector<int> requests, Rule broken)
    : slots_(slots), requests_(std::move(requests)), broken_(broken) {}

ModelState LoopModel::first() const {
  ModelState state;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    state.connections[i].unsent = static_cast<std::uint8_t>(requests_[i]);
  }
  state.slots[0].at = At::Top;
  return state;
}

std::string LoopModel::successors(const ModelState& from, const Visit& visit) const {
  return Step(*this, from, visit).all();
}

bool LoopModel::done(const ModelState& state) const {
  if (state.order_sent != 0) {
    for (std::size_t i = 0; i < slots_; ++i) {
      if (state.slots[i].at != At::Gone) return false;
    }
    return state.dog == Dog::Gone;
  }
  return std::all_of(state.connections.begin(), state.connections.end(), [](const auto& one) {
    return one.unread == 0 && one.open == 0 && one.unsent == 0;
  });
}

bool LoopModel::io_waits(const ModelState& state) const {
  const bool edge = std::any_of(state.connections.begin(), state.connections.end(),
                                [](const auto& one) { return one.edge != 0; });
  if (state.stopping != 0) return false;
  return edge || state.rung != 0 || !state.batch.empty() || !state.replies.empty();
}

}  // namespace winghorn::testing
