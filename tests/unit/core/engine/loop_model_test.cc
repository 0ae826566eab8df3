// SPDX-License-Identifier: MIT
// Looks at every state that the rules of loop ownership allow, for a few slots and clients: nobody runs a
// loop that is not his, every request is answered once, nothing is stuck, input is served while the
// application takes its time, and from every state the end can be reached. Each rule left out is noticed.
#include "loop_model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <string>
#include <type_traits>
#include <vector>

namespace winghorn::testing {
namespace {

static_assert(std::has_unique_object_representations_v<ModelState>, "hashed by its bytes");

// Breadth first, so that the story of a failure is a shortest one.
class Search {
 public:
  explicit Search(LoopModel model) : model_(std::move(model)), table_(1U << 16U, kNone) {}

  // What is wrong, with its story; nothing when all is well.
  std::string run(bool also_ends = true) {
    add(model_.first(), kNone, "begins");
    for (std::uint32_t at = 0; at < states_.size(); ++at) {
      if (std::string wrong = look(at); !wrong.empty()) return wrong + story(at);
    }
    return also_ends ? every_state_can_end() : std::string();
  }
  std::size_t size() const { return states_.size(); }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::string look(std::uint32_t at) {
    const ModelState state = states_[at];
    bool ours = false;
    bool anything = false;
    const std::string wrong = model_.successors(
        state, [&](const char* what, LoopModel::Kind kind, const ModelState& next) {
          if (next == state) return;
          ours |= kind == LoopModel::Kind::Ours;
          anything |= kind != LoopModel::Kind::World;
          edges_.push_back({at, add(next, at, what)});
        });
    if (!wrong.empty()) return wrong;
    if (!anything && !model_.done(state) && !can_be_sent(state)) return "stuck";
    if (!ours && model_.io_waits(state)) return "input or replies wait for the application";
    return {};
  }

  static bool can_be_sent(const ModelState& state) {
    for (const auto& one : state.connections) {
      if (one.unsent > 0) return true;
    }
    return false;
  }

  std::uint32_t add(const ModelState& state, std::uint32_t from, const char* what) {
    if (states_.size() * 2 > table_.size()) grow();
    std::uint32_t& place = find(state);
    if (place == kNone) {
      place = static_cast<std::uint32_t>(states_.size());
      states_.push_back(state);
      came_.push_back({from, what});
    }
    return place;
  }

  std::uint32_t& find(const ModelState& state) {
    std::size_t at = hash(state) & (table_.size() - 1);
    while (table_[at] != kNone && !(states_[table_[at]] == state))
      at = (at + 1) & (table_.size() - 1);
    return table_[at];
  }

  void grow() {
    table_.assign(table_.size() * 4, kNone);
    for (std::uint32_t i = 0; i < states_.size(); ++i) find(states_[i]) = i;
  }

  static std::uint64_t hash(const ModelState& state) {
    const char* bytes = reinterpret_cast<const char*>(&state);
    std::uint64_t value = 0x9e3779b97f4a7c15;
    for (std::size_t i = 0; i < sizeof state; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes + i, std::min<std::size_t>(8, sizeof state - i));
      value = (value ^ word) * 0xff51afd7ed558ccd;
      value ^= value >> 32U;
    }
    return value;
  }

  // Against steps that go round and round without getting anywhere.
  std::string every_state_can_end() {
    std::vector<std::uint32_t> begin(states_.size() + 1, 0);
    for (const Edge& edge : edges_) ++begin[edge.to + 1];
    for (std::size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
    std::vector<std::uint32_t> before(edges_.size());
    std::vector<std::uint32_t> fill(begin.begin(), begin.end() - 1);
    for (const Edge& edge : edges_) before[fill[edge.to]++] = edge.from;
    std::vector<bool> ends(states_.size(), false);
    std::vector<std::uint32_t> todo;
    for (std::uint32_t i = 0; i < states_.size(); ++i) {
      if (!model_.done(states_[i])) continue;
      ends[i] = true;
      todo.push_back(i);
    }
    while (!todo.empty()) {
      const std::uint32_t at = todo.back();
      todo.pop_back();
      for (std::uint32_t i = begin[at]; i < begin[at + 1]; ++i) {
        if (ends[before[i]]) continue;
        ends[before[i]] = true;
        todo.push_back(before[i]);
      }
    }
    for (std::uint32_t i = 0; i < states_.size(); ++i) {
      if (!ends[i]) return "cannot come to an end from here" + story(i);
    }
    return {};
  }

  std::string story(std::uint32_t at) const {
    std::string text;
    for (; at != kNone; at = came_[at].from) text = std::string("\n  ") + came_[at].what + text;
    return text;
  }

  struct Came {
    std::uint32_t from;
    const char* what;
  };
  struct Edge {
    std::uint32_t from;
    std::uint32_t to;
  };

  LoopModel model_;
  std::vector<ModelState> states_;
  std::vector<Came> came_;
  std::vector<Edge> edges_;
  std::vector<std::uint32_t> table_;
};

struct Size {
  std::size_t slots;
  std::vector<int> requests;
};
void PrintTo(const Size& size, std::ostream* out) {
  *out << size.slots << " slots, " << size.requests.size() << " connections";
}

class LoopModelHolds : public ::testing::TestWithParam<Size> {};

TEST_P(LoopModelHolds, InEveryState) {
  Search search(LoopModel(GetParam().slots, GetParam().requests, Rule::None));
  EXPECT_EQ(search.run(), "");
  EXPECT_GT(search.size(), 1000U);
  RecordProperty("states", std::to_string(search.size()));
}

INSTANTIATE_TEST_SUITE_P(Sizes, LoopModelHolds,
                         ::testing::Values(Size{1, {2, 1}}, Size{1, {1, 1, 1}}, Size{2, {2}},
                                           Size{2, {1, 1, 1}}, Size{2, {2, 2}}, Size{3, {2, 1}}));

struct BrokenRule {
  const char* name;
  Rule rule;
};
void PrintTo(const BrokenRule& one, std::ostream* out) { *out << one.name; }

class LoopModelBroken : public ::testing::TestWithParam<BrokenRule> {};

TEST_P(LoopModelBroken, IsNoticed) {
  Search search(LoopModel(2, {2, 1}, GetParam().rule));
  const std::string wrong = search.run();
  EXPECT_NE(wrong, "") << search.size() << " states";
  RecordProperty("wrong", wrong.substr(0, wrong.find('\n')));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, LoopModelBroken,
    ::testing::Values(BrokenRule{"FenceBetweenWordAndFlag", Rule::FenceBetweenWordAndFlag},
                      BrokenRule{"LookBeforeSleeping", Rule::LookBeforeSleeping},
                      BrokenRule{"InputIsTakenUpAgain", Rule::InputIsTakenUpAgain},
                      BrokenRule{"RepliesGoAlong", Rule::RepliesGoAlong},
                      BrokenRule{"BatchGoesAlong", Rule::BatchGoesAlong},
                      BrokenRule{"QueueIsEmpty", Rule::QueueIsEmpty},
                      BrokenRule{"OrdersBeforeSleeping", Rule::OrdersBeforeSleeping},
                      BrokenRule{"WithdrawnIsNotBegun", Rule::WithdrawnIsNotBegun},
                      BrokenRule{"ConnectionWaitsForHome", Rule::ConnectionWaitsForHome},
                      BrokenRule{"HomecomingIsTold", Rule::HomecomingIsTold},
                      BrokenRule{"HandedOverLeavesTheQueue", Rule::HandedOverLeavesTheQueue}),
    [](const auto& one) { return one.param.name; });

// T1 has woken the watchdog already, and it does not go to sleep over a word it has not seen twice: the
// ring of T5 only saves the rest of a tick.
TEST(LoopModel, AnOfferNeedsNoRing) {
  Search search(LoopModel(2, {2, 1}, Rule::OfferIsTold));
  EXPECT_EQ(search.run(), "");
}

}  // namespace
}  // namespace winghorn::testing
