// reply_pipe.h: the reply on its way from a slot to the loop's owner.
//
// One thread writes (the slot, or whoever answers in its place), one collects (the owner); a short mutex
// between them. What is written and not yet sent counts against Limits::reply_ahead_bytes: ahead() tells
// the slot when it should wait. After discard() everything written vanishes: the client is gone.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/http/reply.h"

namespace winghorn {

enum class ReplyEnd : std::uint8_t {
  Open,
  Finished,  // whole
  Cut,       // the application failed after its head: nobody may take the body for whole
  Silent,    // the application has talked to its client by itself: nothing of ours follows
};

// What collect() hands over. Reused by its owner, so that its vectors keep their room.
struct ReplyParts {
  bool wants_continue = false;  // the application reads a body that waits for 100
  std::vector<ReplyHead> informational;
  std::optional<ReplyHead> head;
  std::vector<Piece> pieces;
  ReplyEnd end = ReplyEnd::Open;

  bool empty() const {
    return !wants_continue && informational.empty() && !head && pieces.empty() &&
           end == ReplyEnd::Open;
  }
  void clear();
  // All that `from` has; this one must be empty, and `from` is afterwards, each with room in its vectors.
  void take(ReplyParts& from);
};

class ReplyPipe {
 public:
  static constexpr std::size_t kMostInformational = 64;    // nobody needs more, and each takes room
  static constexpr std::size_t kSmallPiece = 16UL * 1024;  // what follows is added to it

  void reset();

  // The writer's side. A head goes in once, before any piece; informational heads before it.
  void ask_continue();
  void inform(ReplyHead head);  // vanishes when kMostInformational wait already
  void start(ReplyHead&& head);
  void write(Bytes bytes);
  void write_file(FilePart part);
  void finish();
  void cut();
  void hang_up();  // Silent
  // The common case in one step: head, a body of one piece, the end.
  void answer(ReplyHead&& head, Bytes body);

  // The application has the client's socket: answer_instead() says nothing there.
  void leave_to_application();
  bool is_applications() const { return applications_.load(std::memory_order_acquire); }

  // Whoever answers because the writer does not come to it: what the writer says from now on vanishes.
  // A reply that has begun is cut instead, one that has ended stays as it is.
  void answer_instead(ReplyHead&& head, Bytes body);

  bool started() const { return started_.load(std::memory_order_acquire); }
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  bool discarded() const { return discarded_.load(std::memory_order_acquire); }
  std::uint64_t ahead() const { return ahead_.load(std::memory_order_acquire); }

  // The owner's side.
  bool collect(ReplyParts& into);  // false when there is nothing new
  void sent(std::uint64_t bytes);
  void discard();

 private:
  template <class Change>
  void change(Change apply);
  void end(ReplyEnd how);
  void put_answer(ReplyHead&& head, Bytes body);

  std::mutex mutex_;
  ReplyParts parts_;
  bool taken_over_ = false;                // by answer_instead()
  std::atomic<bool> applications_{false};  // leave_to_application()
  std::atomic<std::uint64_t> ahead_{0};    // bytes of pieces written and not yet sent
  std::atomic<bool> started_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> discarded_{false};
};

}  // namespace winghorn
