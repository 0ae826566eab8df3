// SPDX-License-Identifier: MIT
#include "core/http/reply_pipe.h"

#include <utility>

namespace winghorn {

void ReplyParts::clear() {
  wants_continue = false;
  informational.clear();
  head.reset();
  pieces.clear();
  end = ReplyEnd::Open;
}

void ReplyParts::take(ReplyParts& from) {
  wants_continue = std::exchange(from.wants_continue, false);
  informational.swap(from.informational);
  head = std::move(from.head);
  from.head.reset();
  pieces.swap(from.pieces);
  end = std::exchange(from.end, ReplyEnd::Open);
}

void ReplyPipe::reset() {
  parts_.clear();
  taken_over_ = false;
  applications_.store(false, std::memory_order_relaxed);
  ahead_.store(0, std::memory_order_relaxed);
  started_.store(false, std::memory_order_relaxed);
  ended_.store(false, std::memory_order_relaxed);
  discarded_.store(false, std::memory_order_relaxed);
}

// apply(heard): what the writer says is kept only when heard; its flags are set all the same, under the
// lock, so that answer_instead() sees them and what they stand for together.
template <class Change>
void ReplyPipe::change(Change apply) {
  const std::scoped_lock lock(mutex_);
  apply(!taken_over_ && !discarded_.load(std::memory_order_relaxed));
}

void ReplyPipe::ask_continue() {
  change([&](bool heard) { parts_.wants_continue |= heard; });
}

void ReplyPipe::inform(ReplyHead head) {
  change([&](bool heard) {
    if (heard && parts_.informational.size() < kMostInformational) {
      parts_.informational.push_back(std::move(head));
    }
  });
}

void ReplyPipe::start(ReplyHead&& head) {
  change([&](bool heard) {
    if (heard) parts_.head = std::move(head);
    started_.store(true, std::memory_order_release);
  });
}

void ReplyPipe::write(Bytes bytes) {
  if (bytes.empty()) return;
  change([&](bool heard) {
    if (!heard) return;
    std::vector<Piece>& pieces = parts_.pieces;
    // A piece costs more than its bytes, and only these count as being ahead: small ones are joined.
    if (!pieces.empty() && !pieces.back().is_file() && pieces.back().bytes.size() < kSmallPiece) {
      pieces.back().bytes.append(bytes);
    } else {
      pieces.push_back(Piece{std::string(bytes), {}});
    }
    ahead_.fetch_add(bytes.size(), std::memory_order_acq_rel);
  });
}

void ReplyPipe::write_file(FilePart part) {
  if (part.length == 0) return;
  change([&](bool heard) {
    // A file costs no memory, so it does not count as being ahead.
    if (heard) parts_.pieces.push_back(Piece{{}, std::move(part)});
  });
}

void ReplyPipe::end(ReplyEnd how) {
  change([&](bool heard) {
    if (heard) parts_.end = how;
    ended_.store(true, std::memory_order_release);
  });
}

void ReplyPipe::finish() { end(ReplyEnd::Finished); }
void ReplyPipe::cut() { end(ReplyEnd::Cut); }
void ReplyPipe::hang_up() { end(ReplyEnd::Silent); }

void ReplyPipe::answer(ReplyHead&& head, Bytes body) {
  change([&](bool heard) {
    if (heard) put_answer(std::move(head), body);
    started_.store(true, std::memory_order_release);
    ended_.store(true, std::memory_order_release);
  });
}

void ReplyPipe::answer_instead(ReplyHead&& head, Bytes body) {
  change([&](bool heard) {
    taken_over_ = true;
    if (!heard) return;
    if (is_applications() && !started_.load(std::memory_order_relaxed)) {
      parts_.end = ReplyEnd::Silent;
    } else if (!started_.load(std::memory_order_relaxed)) {
      put_answer(std::move(head), body);
    } else if (!ended_.load(std::memory_order_relaxed)) {
      parts_.end = ReplyEnd::Cut;
    }
    started_.store(true, std::memory_order_release);
    ended_.store(true, std::memory_order_release);
  });
}

void ReplyPipe::leave_to_application() {
  change([&](bool) { applications_.store(true, std::memory_order_release); });
}

void ReplyPipe::put_answer(ReplyHead&& head, Bytes body) {
  parts_.head = std::move(head);
  if (!body.empty()) parts_.pieces.push_back(Piece{std::string(body), {}});
  ahead_.fetch_add(body.size(), std::memory_order_acq_rel);
  parts_.end = ReplyEnd::Finished;
}

bool ReplyPipe::collect(ReplyParts& into) {
  into.clear();
  const std::scoped_lock lock(mutex_);
  if (parts_.empty()) return false;
  into.take(parts_);
  return true;
}

void ReplyPipe::sent(std::uint64_t bytes) {
  // discard(), the same thread's, has written all of it off.
  if (discarded_.load(std::memory_order_relaxed)) return;
  ahead_.fetch_sub(bytes, std::memory_order_acq_rel);
}

void ReplyPipe::discard() {
  const std::scoped_lock lock(mutex_);
  discarded_.store(true, std::memory_order_release);
  parts_.clear();
  ahead_.store(0, std::memory_order_release);
}

}  // namespace winghorn
