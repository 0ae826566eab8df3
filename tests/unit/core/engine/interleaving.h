// interleaving.h: runs a few actors one step at a time, in every order with few interruptions.
//
// Before each operation on something shared an actor says step() (or block_until(), or pause()); the
// explorer then chooses who goes on. A run is a list of such choices and can be run again. explore() tries,
// depth first and each once, all runs that cost no more than `most_cost`:
//   - going on with the same actor costs nothing; so does the choice of the next one when it waits or is done;
//   - interrupting an actor that could go on costs 1;
//   - letting an actor that pauses go before one with something to do costs 1;
//   - the second answer of maybe() costs 1.
// Where nothing is interrupted the first actor in the world's order goes on first. Runs are complete: from
// the beginning until every actor is done, or until something fails; there is no bound on their depth but
// one that says that a run does not end. The first run that fails is reported with its steps.
// Actors are fibers on one thread: each sees all that was done before it (what a processor may delay is
// played by SteppedSync), and what is not a step is not interrupted.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fiber.h"

namespace winghorn::testing {

class Interleaving {
 public:
  struct Actor {
    std::string name;
    std::function<void()> body;
  };
  // A fresh one for each run. What is asked returns what is wrong, or nothing: `check` at the end,
  // `waiting` when time is all that anybody waits for.
  struct World {
    std::vector<Actor> actors;
    std::function<std::string()> check;
    std::function<std::string()> waiting;
  };
  struct Outcome {
    bool ok = true;
    std::string trouble;
    std::string steps;             // of the run that failed
    std::uint64_t runs = 0;        // each different
    std::size_t most_choices = 0;  // points of choice in the longest run
    bool complete = false;         // no run was left out
  };

  static Outcome explore(const std::function<World()>& make, int most_cost,
                         std::uint64_t most_runs) {
    Interleaving explorer;
    Outcome outcome;
    while (outcome.runs < most_runs) {
      ++outcome.runs;
      explorer.run(make());
      outcome.most_choices = std::max(outcome.most_choices, explorer.points_.size());
      if (!explorer.trouble_.empty()) {
        outcome.ok = false;
        outcome.trouble = explorer.trouble_;
        outcome.steps = explorer.story();
        return outcome;
      }
      if (!explorer.next_prefix(most_cost)) {
        outcome.complete = true;
        break;
      }
    }
    return outcome;
  }

  // ---- for the operations of the world, in an actor

  static Interleaving& current() { return *active_; }
  static bool running() { return active_ != nullptr; }
  // The actor may be interrupted here.
  void step(const char* what) { yield(what, nullptr, nullptr, false); }
  // It cannot go on until `ready`.
  template <class Ready>
  void block_until(const char* what, Ready ready) {
    yield(
        what, [](const void* asked) { return (*static_cast<const Ready*>(asked))(); }, &ready,
        false);
  }
  // It cannot go on until so much time has passed. Time passes when nobody has anything urgent to do.
  void wait_for(const char* what, std::uint64_t time) {
    running_[me_]->wakes_at = time_ + time;
    block_until(what, [this, &self = *running_[me_]] { return time_ >= self.wakes_at; });
    running_[me_]->wakes_at = 0;
  }
  // It has nothing urgent to do: the others come first, at no price.
  void pause(const char* what) { yield(what, nullptr, nullptr, true); }
  // Something that a machine may do or not.
  bool maybe(const char* what) {
    if (abandoned_) return false;
    const bool yes = choose_among(2, 1) == 1;
    if (yes) steps_.push_back({me_, what});
    return yes;
  }
  void fail(const std::string& text) {
    if (trouble_.empty()) trouble_ = text;
  }
  std::size_t me() const { return me_; }

 private:
  static constexpr std::size_t kMostSteps = 3000;
  static constexpr std::size_t kStack = 256UL * 1024;
  static constexpr std::size_t kNobody = ~std::size_t{0};

  struct Running {
    Actor actor;
    std::unique_ptr<Fiber> fiber;
    bool (*ready)(const void*) = nullptr;  // null: can go on
    const void* asked = nullptr;
    bool pausing = false;
    bool done = false;
    std::uint64_t wakes_at = 0;  // 0: does not wait for time
  };
  struct Point {
    std::uint32_t choices;
    std::uint32_t chosen;
    std::uint32_t free;  // the first so many cost nothing
  };
  struct Step {
    std::size_t actor;
    const char* what;
  };
  struct Abandoned {};

  void run(World world) {
    active_ = this;
    points_.clear();
    steps_.clear();
    trouble_.clear();
    time_ = 0;
    abandoned_ = false;
    me_ = kNobody;
    waiting_ = std::move(world.waiting);
    actors_ = world.actors.size();
    while (running_.size() < actors_) {
      running_.push_back(std::make_unique<Running>());
      running_.back()->fiber = std::make_unique<Fiber>(kStack);
    }
    for (std::size_t i = 0; i < actors_; ++i) begin(i, std::move(world.actors[i]));
    if (const std::size_t first = choose(); first != kNobody) go_to(first);
    // Whoever is not done is unwound, one after the other, so that its stack can be used again.
    abandoned_ = true;
    for (std::size_t i = 0; i < actors_; ++i) {
      if (!running_[i]->done) go_to(i);
    }
    active_ = nullptr;
    if (trouble_.empty()) trouble_ = world.check();
  }

  void begin(std::size_t place, Actor actor) {
    Running& one = *running_[place];
    one.actor = std::move(actor);
    one.ready = nullptr;
    one.pausing = one.done = false;
    one.wakes_at = 0;
    one.fiber->start([this, place] {
      try {
        if (!abandoned_) running_[place]->actor.body();
      } catch (const Abandoned&) {
      }
      running_[place]->done = true;
      me_ = abandoned_ ? kNobody : choose();
      return me_ == kNobody ? &home_ : running_[me_]->fiber.get();
    });
  }

  // From home_.
  void go_to(std::size_t place) {
    me_ = place;
    home_.switch_to(*running_[place]->fiber);
  }

  void yield(const char* what, bool (*ready)(const void*), const void* asked, bool pausing) {
    if (abandoned_) {
      if (std::uncaught_exceptions() == 0) throw Abandoned{};
      return;
    }
    const std::size_t place = me_;
    Running& self = *running_[place];
    self.ready = ready;
    self.asked = asked;
    self.pausing = pausing;
    steps_.push_back({place, what});
    const std::size_t next = choose();
    if (next != place) {
      me_ = next;
      self.fiber->switch_to(next == kNobody ? home_ : *running_[next]->fiber);
    }
    self.ready = nullptr;
    self.pausing = false;
    if (abandoned_) throw Abandoned{};
  }

  bool can_go(std::size_t place) const {
    const Running& one = *running_[place];
    return !one.done && (one.ready == nullptr || one.ready(one.asked));
  }

  // Who goes next, or nobody at the end of the run.
  std::size_t choose() {
    if (!trouble_.empty()) return kNobody;
    if (steps_.size() > kMostSteps) {
      fail("the run does not end");
      return kNobody;
    }
    candidates_.clear();
    const bool goes_on = me_ != kNobody && can_go(me_) && !running_[me_]->pausing;
    if (goes_on) candidates_.push_back(me_);
    for (std::size_t i = 0; i < actors_; ++i) {
      if (!(goes_on && i == me_) && !running_[i]->pausing && can_go(i)) candidates_.push_back(i);
    }
    const std::size_t urgent = candidates_.size();
    for (std::size_t i = 0; i < actors_; ++i) {
      if (running_[i]->pausing && can_go(i)) candidates_.push_back(i);
    }
    if (candidates_.empty()) return let_time_pass() ? choose() : kNobody;
    if (urgent == 0) ++time_;
    return candidates_[choose_among(candidates_.size(), goes_on ? 1 : urgent)];
  }

  bool let_time_pass() {
    bool all_done = true;
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < actors_; ++i) {
      const Running& one = *running_[i];
      if (one.done) continue;
      all_done = false;
      if (one.wakes_at != 0 && (next == 0 || one.wakes_at < next)) next = one.wakes_at;
    }
    if (all_done) return false;
    if (next == 0) {
      fail("stuck: everybody waits for ever");
    } else if (const std::string wrong = waiting_(); !wrong.empty()) {
      fail(wrong);
    }
    time_ = next;
    return trouble_.empty();
  }

  std::size_t choose_among(std::size_t choices, std::size_t free) {
    if (choices == 1) return 0;
    const std::size_t at = points_.size();
    const std::uint32_t chosen = at < prefix_.size() ? prefix_[at] : 0;
    points_.push_back(
        {static_cast<std::uint32_t>(choices), chosen, static_cast<std::uint32_t>(free)});
    return chosen;
  }

  // The next list of choices in depth-first order that stays within the price; false after the last.
  bool next_prefix(int most_cost) {
    int spent = 0;
    for (const Point& point : points_) spent += cost_of(point, point.chosen);
    while (!points_.empty()) {
      Point& last = points_.back();
      spent -= cost_of(last, last.chosen);
      if (last.chosen + 1 < last.choices && spent + cost_of(last, last.chosen + 1) <= most_cost) {
        ++last.chosen;
        prefix_.clear();
        for (const Point& point : points_) prefix_.push_back(point.chosen);
        return true;
      }
      points_.pop_back();
    }
    return false;
  }
  static int cost_of(const Point& point, std::uint32_t chosen) {
    return chosen >= std::max(point.free, 1U);
  }

  std::string story() const {
    std::string text;
    for (const Step& step : steps_)
      text += "  " + running_[step.actor]->actor.name + ": " + step.what + "\n";
    return text;
  }

  inline static Interleaving* active_ = nullptr;

  Fiber home_;
  std::vector<std::unique_ptr<Running>> running_;  // kept from run to run, with their stacks
  std::size_t actors_ = 0;
  std::size_t me_ = kNobody;
  std::function<std::string()> waiting_;
  std::vector<std::uint32_t> prefix_;
  std::vector<Point> points_;
  std::vector<std::size_t> candidates_;
  std::vector<Step> steps_;
  std::string trouble_;
  std::uint64_t time_ = 0;
  bool abandoned_ = false;
};

}  // namespace winghorn::testing
