// deadline_list.h: everybody who waits equally long, in the order in which they began.
//
// All members of one list have the same patience, so the first to have begun is the first to expire: disarming
// and looking are O(1) however many connections there are, and so is arming for who begins now. Who has begun
// elsewhere and before goes past those that have begun since. Members are linked through
// themselves; one is in at most one list. Not thread-safe: the loop's owner's alone.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/check.h"
#include "core/base/clock.h"

namespace winghorn {

struct DeadlineNode {
  DeadlineNode* previous = nullptr;
  DeadlineNode* next = nullptr;
  Instant armed_at;
};

class DeadlineList {
 public:
  DeadlineList() { ends_.previous = ends_.next = &ends_; }
  DeadlineList(const DeadlineList&) = delete;
  DeadlineList& operator=(const DeadlineList&) = delete;

  void set_patience(Nanos patience) { patience_ = patience; }
  bool empty() const { return ends_.next == &ends_; }

  void arm(DeadlineNode& node, Instant now) {
    CHECK(node.next == nullptr);
    node.armed_at = now;
    DeadlineNode* before = ends_.previous;
    while (before != &ends_ && before->armed_at > now) before = before->previous;
    node.previous = before;
    node.next = before->next;
    before->next->previous = &node;
    before->next = &node;
  }

  static void disarm(DeadlineNode& node) {
    if (node.next == nullptr) return;
    node.previous->next = node.next;
    node.next->previous = node.previous;
    node.previous = node.next = nullptr;
  }

  // When the first of them expires; only when not empty.
  Instant first() const { return ends_.next->armed_at + patience_; }
  DeadlineNode* oldest() { return empty() ? nullptr : ends_.next; }
  DeadlineNode* expired(Instant now) { return empty() || first() > now ? nullptr : ends_.next; }

 private:
  DeadlineNode ends_;
  Nanos patience_{};
};

}  // namespace winghorn
