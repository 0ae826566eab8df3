// SPDX-License-Identifier: MIT
// Looks at every order in which two workers can hand their requests to one another, be told to stop and be
// killed: nothing runs twice, a kill loses what its victim had and nothing else, and what is not lost is
// answered. The steps are those of core/engine/handover.h; each rule left out is noticed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace winghorn {
namespace {

enum class Rule : std::uint8_t {
  None,
  LeavesTheQueueFirst,      // S1 before S3
  IsPutBackWhenRefused,     // S3'
  ClosesWithoutAWord,       // S4: no shutdown(), which is the connection's end for everybody
  ChannelIsNobodys,         // it does not die with a worker
  SendsNothingOnceStopped,  // the last one to look has looked
};

constexpr std::size_t kWorkers = 2;
constexpr std::size_t kRequests = 3;
constexpr std::size_t kRoom = 1;  // of the channel: the second message finds it full

enum class Place : std::uint8_t { Client, Queue, Hand, Channel, Slot, Answered, Lost };
// What a worker's loop is about to do with the request that it has in its hand.
enum class At : std::uint8_t { Loop, Send, Close, Adopt };

struct State {
  struct Request {
    Place place = Place::Client;
    std::uint8_t worker = 0;  // whose queue, hand or slot
    std::uint8_t runs = 0;
    bool cut = false;
    auto operator<=>(const Request&) const = default;
  };
  struct Worker {
    bool alive = true;
    bool told = false;     // to stop
    bool stopped = false;  // has obeyed: took what lay in the channel
    At at = At::Loop;
    std::uint8_t hand = 0;  // which request, unless at Loop
    auto operator<=>(const Worker&) const = default;
  };
  std::array<Request, kRequests> requests{};
  std::array<Worker, kWorkers> workers{};
  std::uint8_t kills = 0;
  auto operator<=>(const State&) const = default;
};

class Model {
 public:
  explicit Model(Rule broken, std::uint8_t kills) : broken_(broken), kills_(kills) {}

  // What is wrong, with its story; nothing when all is well.
  std::string search() {
    visit(State(), "begins");
    while (!todo_.empty() && wrong_.empty()) {
      const State state = todo_.back();
      todo_.pop_back();
      look(state);
    }
    return wrong_;
  }
  std::size_t states() const { return seen_.size(); }

 private:
  void visit(const State& state, const char* what) {
    if (seen_.emplace(state, std::pair(from_, what)).second) todo_.push_back(state);
  }
  void bad(const State& state, const std::string& what) {
    if (!wrong_.empty()) return;
    wrong_ = what;
    for (State at = state;; at = seen_.at(at).first) {
      wrong_ += std::string("\n  ") + seen_.at(at).second;
      if (at == State()) break;
    }
  }

  void look(const State& state) {
    from_ = state;
    steps_ = 0;
    for (std::uint8_t w = 0; w < kWorkers; ++w) worker(state, w);
    const bool is_quiet = steps_ == 0;
    world(state);
    if (is_quiet) judge(state);
  }
  void go(const State& next, const char* what) {
    ++steps_;
    visit(next, what);
  }

  // Nobody has anything left to do.
  void judge(const State& state) {
    const auto alive = [](const State::Worker& w) { return w.alive && !w.stopped; };
    const bool serves = std::ranges::any_of(state.workers, alive);
    for (const State::Request& r : state.requests) {
      if (r.runs > 1) bad(state, "run twice");
      const bool is_over = r.place == Place::Answered || r.place == Place::Lost;
      const bool never_came = r.place == Place::Client;
      // Its successor will take it: the arbiter's, unless all have been told to stop.
      const bool waits_for_successor = r.place == Place::Channel && !serves && state.kills > 0;
      if (!is_over && !never_came && !waits_for_successor) bad(state, "never answered");
      if (r.place == Place::Answered && r.cut) bad(state, "answered on a connection that was cut");
      if (r.place == Place::Lost && state.kills == 0) bad(state, "lost, and nobody was killed");
    }
  }

  void world(const State& from) {
    for (std::uint8_t r = 0; r < kRequests; ++r) {
      if (from.requests[r].place != Place::Client || !from.workers[0].alive) continue;
      if (from.workers[0].stopped) continue;
      State s = from;
      s.requests[r] = {Place::Queue, 0, 0, false};
      visit(s, "a request comes to A");
    }
    for (std::uint8_t w = 0; w < kWorkers; ++w) {
      if (from.workers[w].alive && from.kills < kills_) kill(from, w);
    }
    // As the arbiter says it: to one after the other, but to all.
    const bool any_told = std::ranges::any_of(from.workers, &State::Worker::told);
    const bool all_told = std::ranges::all_of(from.workers, &State::Worker::told);
    if (!any_told || !all_told) {
      State s = from;
      for (State::Worker& w : s.workers) w.told = true;
      visit(s, "all are told to stop");
    }
  }

  void kill(const State& from, std::uint8_t w) {
    State s = from;
    ++s.kills;
    s.workers[w] = State::Worker();
    s.workers[w].alive = false;
    s.workers[w].told = true;
    for (State::Request& r : s.requests) {
      const bool its_own = r.worker == w && (r.place == Place::Queue || r.place == Place::Hand ||
                                             r.place == Place::Slot);
      // An inbox of its own that nobody keeps.
      const bool its_message = r.place == Place::Channel && broken_ == Rule::ChannelIsNobodys;
      if (its_own || its_message) r.place = Place::Lost;
      if (r.place == Place::Lost && its_message) bad(from, "lost by a kill of who did not have it");
    }
    visit(s, w == 0 ? "A is killed" : "B is killed");
  }

  void worker(const State& from, std::uint8_t w) {
    const State::Worker& me = from.workers[w];
    if (!me.alive) return;
    slot(from, w);
    switch (me.at) {
      case At::Loop:
        begin_to_hand_over(from, w);
        take_in(from, w);
        return obey(from, w);
      case At::Send:
        return send(from, w);
      case At::Close: {
        State s = from;
        State::Request& r = s.requests[me.hand];
        if (broken_ == Rule::ClosesWithoutAWord) r.cut = true;
        s.workers[w].at = At::Loop;
        s.workers[w].hand = 0;
        return go(s, "S4: closes its descriptor");
      }
      case At::Adopt: {
        State s = from;
        s.requests[me.hand].place = Place::Queue;
        s.requests[me.hand].worker = w;
        s.workers[w].at = At::Loop;
        s.workers[w].hand = 0;
        return go(s, "R2: it is a request of its new worker's");
      }
    }
  }

  // The slot is another thread: it goes on whatever the loop does.
  void slot(const State& from, std::uint8_t w) {
    for (std::uint8_t i = 0; i < kRequests; ++i) {
      const State::Request& r = from.requests[i];
      if (r.worker != w) continue;
      State s = from;
      if (r.place == Place::Slot) {
        s.requests[i].place = Place::Answered;
        go(s, "answers");
      }
      if (r.place == Place::Queue && !is_busy(from, w)) {
        s.requests[i].place = Place::Slot;
        if (++s.requests[i].runs > 1) bad(from, "run twice");
        go(s, "a slot begins");
      }
    }
  }
  static bool is_busy(const State& state, std::uint8_t w) {
    return std::ranges::any_of(state.requests, [w](const State::Request& r) {
      return r.place == Place::Slot && r.worker == w;
    });
  }

  void begin_to_hand_over(const State& from, std::uint8_t w) {
    if (from.workers[w].stopped && broken_ != Rule::SendsNothingOnceStopped) return;
    for (std::uint8_t i = 0; i < kRequests; ++i) {
      if (from.requests[i].place != Place::Queue || from.requests[i].worker != w) continue;
      State s = from;
      if (broken_ != Rule::LeavesTheQueueFirst) s.requests[i].place = Place::Hand;
      s.workers[w].at = At::Send;
      s.workers[w].hand = i;
      go(s, "S1: takes it out of the queue");
    }
  }

  void send(const State& from, std::uint8_t w) {
    const std::uint8_t hand = from.workers[w].hand;
    const auto in_channel =
        std::ranges::count(from.requests, Place::Channel, &State::Request::place);
    State s = from;
    State::Request& r = s.requests[hand];
    if (static_cast<std::size_t>(in_channel) < kRoom) {
      // A slot that still finds it in the queue runs it here as well.
      if (broken_ == Rule::LeavesTheQueueFirst && r.place == Place::Slot) {
        return bad(from, "run twice");
      }
      r.place = Place::Channel;
      s.workers[w].at = At::Close;
      return go(s, "S3: sends it");
    }
    if (broken_ != Rule::IsPutBackWhenRefused) r.place = Place::Queue;
    s.workers[w].at = At::Loop;
    s.workers[w].hand = 0;
    go(s, "S3': puts it back");
  }

  void take_in(const State& from, std::uint8_t w) {
    if (from.workers[w].stopped) return;
    for (std::uint8_t i = 0; i < kRequests; ++i) {
      if (from.requests[i].place != Place::Channel) continue;
      State s = from;
      s.requests[i].place = Place::Hand;
      s.requests[i].worker = w;
      s.workers[w].at = At::Adopt;
      s.workers[w].hand = i;
      go(s, "R1: takes a message");
    }
  }

  // Once nothing is left in the channel that it could take.
  void obey(const State& from, std::uint8_t w) {
    const State::Worker& me = from.workers[w];
    const bool channel_is_empty = std::ranges::none_of(
        from.requests, [](const State::Request& r) { return r.place == Place::Channel; });
    if (!me.told || me.stopped || !channel_is_empty) return;
    State s = from;
    s.workers[w].stopped = true;
    go(s, "obeys: the channel was empty");
  }

  const Rule broken_;
  const std::uint8_t kills_;
  State from_;
  std::size_t steps_ = 0;
  std::map<State, std::pair<State, const char*>> seen_;
  std::vector<State> todo_;
  std::string wrong_;
};

class HandoverModel : public ::testing::TestWithParam<int> {};

TEST_P(HandoverModel, HoldsInEveryState) {
  Model model(Rule::None, static_cast<std::uint8_t>(GetParam()));
  EXPECT_EQ(model.search(), "");
  EXPECT_GT(model.states(), 1000U);
  RecordProperty("states", std::to_string(model.states()));
}

INSTANTIATE_TEST_SUITE_P(Kills, HandoverModel, ::testing::Values(0, 1, 2));

struct BrokenRule {
  const char* name;
  Rule rule;
};
void PrintTo(const BrokenRule& one, std::ostream* out) { *out << one.name; }

class HandoverModelBroken : public ::testing::TestWithParam<BrokenRule> {};

TEST_P(HandoverModelBroken, IsNoticed) {
  Model model(GetParam().rule, 1);
  EXPECT_NE(model.search(), "") << model.states() << " states";
}

INSTANTIATE_TEST_SUITE_P(
    Rules, HandoverModelBroken,
    ::testing::Values(BrokenRule{"LeavesTheQueueFirst", Rule::LeavesTheQueueFirst},
                      BrokenRule{"IsPutBackWhenRefused", Rule::IsPutBackWhenRefused},
                      BrokenRule{"ClosesWithoutAWord", Rule::ClosesWithoutAWord},
                      BrokenRule{"ChannelIsNobodys", Rule::ChannelIsNobodys},
                      BrokenRule{"SendsNothingOnceStopped", Rule::SendsNothingOnceStopped}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace winghorn
