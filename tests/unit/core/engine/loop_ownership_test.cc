// SPDX-License-Identifier: MIT
// The real LoopOwnership in every interleaving with few interruptions. The loop itself is played: clients'
// requests lie on "sockets" and are told edge by edge; calls are short, long (until the watchdog has had
// its ticks) or wait for their body. Each mistake that the protocol's rules forbid must be noticed.
#include "core/engine/loop_ownership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "interleaving.h"
#include "stepped_sync.h"

#if defined(__SANITIZE_THREAD__)
#define SKIP_UNDER_TSAN() GTEST_SKIP() << "one thread: nothing for ThreadSanitizer"
#else
#define SKIP_UNDER_TSAN() static_cast<void>(0)
#endif

// Ten times slower under AddressSanitizer.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kMostCost = 2;
#else
constexpr int kMostCost = 3;
#endif

namespace winghorn {
namespace {

using testing::Interleaving;
using testing::SteppedSync;

enum class Mistake {
  None,
  TakesAtFirstSight,  // T3 without having seen the same call before: early, but no mistake (see below)
  TakesBlindly,       // T3 and T2 without comparing the word
  SleepsWithoutLooking,  // parks whatever happened since it looked
  SleepsWithoutFence,    // its look may come before its flag is seen, or before the slot's word
  QueuesForTheOwner,  // T6 with work queued: the loop's new owner takes the work instead of the loop
  DropsTheBatch,      // T3 forgets events that were fetched and not yet handled
  ForgetsReplies,     // T3 forgets replies that were not sent yet
  ForgetsInput,       // T2 waits for a new edge though input lies there
  WaitsWithTheLoop,   // no T5: found as a long call is (see below)
  LeavesBeforeTheWord,  // runs the application while the word says LOOP
};

enum class Call { Short, Long, Body };

struct Scene {
  unsigned slots = 1;
  std::vector<std::vector<Call>> connections;
  bool passes_on = false;  // T4 before each call
  bool late_input =
      false;  // the last request of the first connection comes while others are served
  bool late_stores = false;
  int signals = 0;
};

// Everything that the loop's owner owns, and what the world knows.
class PlayedWorker {
 public:
  PlayedWorker(const Scene& scene, Mistake mistake)
      : ownership_(scene.slots), scene_(scene), mistake_(mistake) {
    for (const std::vector<Call>& requests : scene.connections) {
      connections_.push_back({requests, static_cast<int>(requests.size())});
    }
    if (scene.late_input) --connections_[0].unread;
    if (connections_[0].unread == 0) connections_[0].edge = false;
  }

  void slot(unsigned number) {
    while (true) {
      const Assignment<int> next = ownership_.await_turn(number);
      if (next.turn == Turn::Stop) return;
      if (next.turn == Turn::Interrupted) Interleaving::current().step("signal handler");
      if (next.turn == Turn::Owner) own(number);
      if (next.turn == Turn::Guest) {
        call(next.item, number);
        come_home(next.item);
      }
    }
  }

  void watchdog() {
    LoopWord seen = ownership_.look();
    for (int quiet = 0; !finished_; Interleaving::current().pause("tick")) {
      if (ownership_.accept_offer()) {
        watch(false);
        seen = ownership_.look();
        continue;
      }
      const LoopWord word = ownership_.look();
      const bool same = word == seen || mistake_ == Mistake::TakesAtFirstSight;
      seen = word;
      quiet = same ? quiet + 1 : 0;
      if (!same) continue;
      if (word.phase() == LoopPhase::App) {
        if (ownership_.take_over(word)) watch(true);
        seen = ownership_.look();
        quiet = 0;
      } else if (quiet >= 2) {
        sleep(seen);
        quiet = 0;
      }
    }
  }

  void client() {
    Interleaving::current().step("send");
    ++connections_[0].unread;
    connections_[0].edge = true;
  }

  // Everybody waits for calls to end: then somebody must look after the loop.
  std::string waiting() const {
    SteppedSync::peeking = true;
    const LoopPhase phase = ownership_.look().phase();
    SteppedSync::peeking = false;
    const bool kept = phase == LoopPhase::Loop || phase == LoopPhase::Watch;
    return kept && owners_ == 1 ? "" : "nobody looks after the loop while a call takes long";
  }

  std::string check() const {
    for (const Connection& one : connections_) {
      if (one.answers != static_cast<int>(one.requests.size())) {
        return std::to_string(one.answers) + " answers to " + std::to_string(one.requests.size()) +
               " requests of a connection";
      }
    }
    return {};
  }

 private:
  struct Connection {
    std::vector<Call> requests;
    int unread = 0;  // requests in its socket
    bool edge = true;
    int begun = 0;
    int answers = 0;
    bool busy = false;        // between its request's beginning and its reply's coming home
    bool wants_body = false;  // its slot waits for it
  };

  // ---- the loop's owner; two at once is the mistake that all this is about

  void enter() {
    if (++owners_ > 1) Interleaving::current().fail("two run the loop");
    Interleaving::current().step("work in the loop");
  }
  void exit() { --owners_; }

  void own(unsigned number) {
    enter();
    while (true) {
      const int item = next_ready();
      if (item < 0) {
        send_replies();
        if (all_answered()) return finish();
        if (poll()) continue;
        Interleaving::current().block_until("wait for events",
                                            [this] { return something_came() || finished_; });
        if (finished_) return exit();
        continue;
      }
      if (scene_.passes_on) {
        send_replies();
        exit();
        if (ownership_.pass_on(number)) {
          call(item, number);
          return come_home(item);
        }
        enter();
      }
      if (!run_inline(item, number)) return;
    }
  }

  bool run_inline(int item, unsigned number) {
    if (mistake_ == Mistake::LeavesBeforeTheWord) {
      exit();
      call(item, number);
      enter();
      finished_call(item);
      return true;
    }
    exit();
    ownership_.leave(number);
    call(item, number);
    if (!ownership_.come_back(number)) {
      come_home(item);
      return false;
    }
    enter();
    finished_call(item);
    return true;
  }

  void watch(bool taken) {
    if (taken && mistake_ == Mistake::DropsTheBatch) batch_.clear();
    if (taken && mistake_ == Mistake::ForgetsReplies) replies_.clear();
    enter();
    send_replies();
    while (!finished_) {
      for (int item = next_ready(); item >= 0; item = next_ready()) {
        if (mistake_ == Mistake::QueuesForTheOwner) {
          exit();
          const bool gone = ownership_.hand_back();
          ownership_.enqueue(item, std::less<>());
          if (gone) return;
          enter();
        } else {
          ownership_.enqueue(item, std::less<>());
        }
      }
      send_replies();
      if (all_answered()) return finish();
      if (poll()) continue;
      if (slow_calls_ == 0 && home_.empty()) {
        exit();
        if (ownership_.hand_back()) return;
        enter();
      }
      Interleaving::current().pause("watch");
    }
    exit();
  }

  // The next connection with a request that may begin, or -1 when the batch is done.
  int next_ready() {
    while (!batch_.empty()) {
      const int place = batch_.front();
      batch_.pop_front();
      Connection& one = connections_[static_cast<std::size_t>(place)];
      if (one.busy || one.unread == 0) continue;
      --one.unread;
      one.busy = true;
      return place;
    }
    return -1;
  }

  bool something_came() const {
    return !home_.empty() ||
           std::any_of(connections_.begin(), connections_.end(),
                       [](const auto& one) { return one.edge || one.wants_body; });
  }

  bool poll() {
    if (!something_came()) return false;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].wants_body = false;  // it is there
      if (std::exchange(connections_[i].edge, false)) batch_.push_back(static_cast<int>(i));
    }
    for (const int item : std::exchange(home_, {})) finished_call(item);
    return true;
  }

  void finished_call(int item) {
    Connection& one = connections_[static_cast<std::size_t>(item)];
    one.busy = false;
    replies_.push_back(item);
    if (one.unread > 0 && mistake_ != Mistake::ForgetsInput) batch_.push_back(item);
  }

  void send_replies() {
    for (const int item : replies_) ++connections_[static_cast<std::size_t>(item)].answers;
    replies_.clear();
  }

  bool all_answered() const {
    return std::all_of(connections_.begin(), connections_.end(), [](const Connection& one) {
      return one.answers == static_cast<int>(one.requests.size());
    });
  }

  void finish() {
    finished_ = true;
    exit();
    ownership_.stop();
  }

  // ---- away from the loop

  void call(int item, unsigned number) {
    Connection& one = connections_[static_cast<std::size_t>(item)];
    Interleaving& run = Interleaving::current();
    switch (one.requests[static_cast<std::size_t>(one.begun++)]) {
      case Call::Short:
        return run.step("short call");
      case Call::Long:
        ++slow_calls_;
        run.wait_for("long call", 4);
        SteppedSync::land_own();  // nothing is seen late for ever
        --slow_calls_;
        return;
      case Call::Body:
        if (mistake_ != Mistake::WaitsWithTheLoop) ownership_.put_down(number);
        one.wants_body = true;
        return run.block_until("wait for the body", [&one] { return !one.wants_body; });
    }
  }

  void come_home(int item) {
    SteppedSync::land_own();
    Interleaving::current().step("come home");
    home_.push_back(item);
  }

  void sleep(LoopWord seen) {
    const bool parked = ownership_.park(seen);
    if (parked || mistake_ == Mistake::SleepsWithoutLooking) {
      Interleaving::current().block_until(
          "sleep", [this] { return ownership_.watchdog_bell().rung() || finished_; });
    }
    ownership_.watchdog_bell().clear();
    ownership_.unpark();
  }

  LoopOwnership<SteppedSync, int> ownership_;
  const Scene& scene_;
  const Mistake mistake_;
  std::vector<Connection> connections_;
  std::deque<int> batch_;
  std::vector<int> replies_;
  std::vector<int> home_;
  int owners_ = 0;
  int slow_calls_ = 0;
  bool finished_ = false;
};

Interleaving::World make_world(const Scene& scene, Mistake mistake) {
  SteppedSync::prepare();
  SteppedSync::stores_are_late = scene.late_stores;
  SteppedSync::signals = scene.signals;
  SteppedSync::fences_work = mistake != Mistake::SleepsWithoutFence;
  SteppedSync::exchanges_compare = mistake != Mistake::TakesBlindly;
  auto worker = std::make_shared<PlayedWorker>(scene, mistake);
  Interleaving::World world;
  for (unsigned slot = 0; slot < scene.slots; ++slot) {
    world.actors.push_back(
        {"slot " + std::to_string(slot), [worker, slot] { worker->slot(slot); }});
  }
  world.actors.push_back({"watchdog", [worker] { worker->watchdog(); }});
  if (scene.late_input) world.actors.push_back({"client", [worker] { worker->client(); }});
  world.check = [worker] { return worker->check(); };
  world.waiting = [worker] { return worker->waiting(); };
  return world;
}

constexpr std::uint64_t kMostRuns = 3'000'000;

Interleaving::Outcome explore(const Scene& scene, Mistake mistake, int most_cost) {
  return Interleaving::explore([&] { return make_world(scene, mistake); }, most_cost, kMostRuns);
}

std::string story(const Interleaving::Outcome& outcome) {
  return outcome.trouble + " in run " + std::to_string(outcome.runs) + ":\n" + outcome.steps;
}

// ---- every request of every scene is answered once, whatever is interrupted

struct Case {
  const char* name;
  Scene scene;
  int most_cost;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class Interleaved : public ::testing::TestWithParam<Case> {};

TEST_P(Interleaved, EveryRequestIsAnsweredOnce) {
  SKIP_UNDER_TSAN();
  const int most_cost = std::min(GetParam().most_cost, kMostCost);
  const auto outcome = explore(GetParam().scene, Mistake::None, most_cost);
  EXPECT_TRUE(outcome.ok) << story(outcome);
  EXPECT_TRUE(outcome.complete) << "more than " << outcome.runs << " runs";
  EXPECT_GE(outcome.most_choices, 30U) << "too small a scene";
  RecordProperty("runs", std::to_string(outcome.runs));
  RecordProperty("choices", std::to_string(outcome.most_choices));
}

const Call S = Call::Short;
const Call L = Call::Long;
const Call B = Call::Body;

INSTANTIATE_TEST_SUITE_P(
    LoopOwnership, Interleaved,
    ::testing::Values(Case{"one_slot", {1, {{S, L}, {S}}}, 3},
                      Case{"one_slot_late_stores", {1, {{S, L}}, false, false, true}, 3},
                      Case{"one_slot_late_input", {1, {{S, S}, {L}}, false, true}, 2},
                      Case{"two_slots", {2, {{L}, {S, L}}}, 2},
                      Case{"two_slots_three", {2, {{L}, {S}}}, 3},
                      Case{"two_slots_body", {2, {{B, S}, {L}}}, 2},
                      Case{"two_slots_pass_on", {2, {{S, L}, {S}}, true}, 2},
                      Case{"two_slots_signals", {2, {{L, S}, {S}}, false, false, false, 2}, 2},
                      Case{"two_slots_late_stores", {2, {{L}, {S}}, false, false, true}, 2},
                      Case{"three_slots_pass_on", {3, {{S}, {L}, {B}}, true}, 1}),
    [](const auto& one) { return one.param.name; });

// ---- each mistake is noticed

struct MistakenCase {
  const char* name;
  Mistake mistake;
  Scene scene;
};

void PrintTo(const MistakenCase& one, std::ostream* out) { *out << one.name; }

class Mistaken : public ::testing::TestWithParam<MistakenCase> {};

TEST_P(Mistaken, IsNoticed) {
  SKIP_UNDER_TSAN();
  const auto right = explore(GetParam().scene, Mistake::None, 2);
  EXPECT_TRUE(right.ok) << story(right);
  const auto outcome = explore(GetParam().scene, GetParam().mistake, 2);
  EXPECT_FALSE(outcome.ok) << "in " << outcome.runs << " runs";
  RecordProperty("trouble", outcome.trouble);
}

INSTANTIATE_TEST_SUITE_P(
    LoopOwnership, Mistaken,
    ::testing::Values(
        MistakenCase{"TakesBlindly", Mistake::TakesBlindly, {1, {{S, L}, {S}}}},
        MistakenCase{"SleepsWithoutLooking", Mistake::SleepsWithoutLooking, {1, {{S, S, L}}}},
        MistakenCase{
            "SleepsWithoutFence", Mistake::SleepsWithoutFence, {1, {{L, S}}, false, true, true}},
        MistakenCase{"QueuesForTheOwner", Mistake::QueuesForTheOwner, {2, {{L}, {L}, {S}}}},
        MistakenCase{"DropsTheBatch", Mistake::DropsTheBatch, {1, {{L}, {S}}}},
        MistakenCase{"ForgetsReplies", Mistake::ForgetsReplies, {1, {{S}, {L}}}},
        MistakenCase{"ForgetsInput", Mistake::ForgetsInput, {1, {{S, S}, {L}}}},
        MistakenCase{"LeavesBeforeTheWord", Mistake::LeavesBeforeTheWord, {1, {{L}, {S}}}}),
    [](const auto& one) { return one.param.name; });

// That the watchdog waits until it has seen one call twice keeps it away from short calls. It is no part of
// who owns what: the exchange decides that, so taking at first sight is only early.
TEST(LoopOwnership, TakingAtFirstSightIsEarlyButSafe) {
  SKIP_UNDER_TSAN();
  const auto outcome = explore({1, {{S, L}, {S}}}, Mistake::TakesAtFirstSight, 2);
  EXPECT_TRUE(outcome.ok) << story(outcome);
}

// Without T5 the watchdog would find the waiting slot as it finds any long call: later, but it does.
TEST(LoopOwnership, AWaitThatKeepsTheLoopIsTakenForALongCall) {
  SKIP_UNDER_TSAN();
  const auto outcome = explore({2, {{B}, {S}}}, Mistake::WaitsWithTheLoop, 2);
  EXPECT_TRUE(outcome.ok) << story(outcome);
}

}  // namespace
}  // namespace winghorn
