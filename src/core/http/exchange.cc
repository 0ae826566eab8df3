// SPDX-License-Identifier: MIT
#include "core/http/exchange.h"

#include <algorithm>

#include "core/base/park.h"

namespace winghorn {
namespace {

constexpr std::size_t kHeadKept = 16UL * 1024;  // capacity worth keeping for the next request

}  // namespace

void Exchange::reset(std::uint64_t id, const ConnectionInfo& connection) {
  id_ = id;
  connection_ = &connection;
  head.clear();
  body.reset(limits_, spill_);
  reply.reset();
  deadline.clear();
  board_row = ~std::uint32_t{0};
  claim_.store(Claim::Open, std::memory_order_relaxed);
  begun_at_.store(0, std::memory_order_relaxed);
  body_asked_for_.store(false, std::memory_order_relaxed);
  client_ended_.store(false, std::memory_order_relaxed);
  notes = OwnerNotes{};
}

void Exchange::release() {
  if (head_bytes.capacity() > kHeadKept) {
    head.clear();  // its views end with it
    head_bytes.clear();
    head_bytes.shrink_to_fit();  // assigning an empty one keeps the room
  }
  body.release();
}

template <class Done>
bool Exchange::await(Slot& slot, Done done) {
  if (done()) return true;
  slot.put_loop_down();
  bool interrupted = false;
  while (!interrupted) {
    const std::uint32_t seen = bell_.load(std::memory_order_acquire);
    // The flag before the look, the look before the sleep: wake_slot() changes the state first, then
    // looks at the flag.
    slot_waits_.store(true, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (done()) break;
    interrupted = wait_while(bell_, seen) == Wake::Interrupted;
  }
  slot_waits_.store(false, std::memory_order_relaxed);
  slot.taken_up();
  return !interrupted;
}

void Exchange::ask_for_body(Slot& slot) {
  if (!head.expects_continue || body.received() > 0 || body.state() != BodyState::Open) return;
  if (body_asked_for_.exchange(true, std::memory_order_relaxed)) return;
  reply.ask_continue();
  slot.published(*this);
}

bool Exchange::await_body(Slot& slot) {
  ask_for_body(slot);
  return await(slot, [this] {
    return body.available() > 0 || body.state() != BodyState::Open || reply.discarded();
  });
}

bool Exchange::await_room(Slot& slot) {
  slot.published(*this);
  return await(slot,
               [this] { return reply.ahead() <= limits_.reply_ahead_bytes || reply.discarded(); });
}

void Exchange::wake_slot() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!slot_waits_.load(std::memory_order_seq_cst)) return;
  bell_.fetch_add(1, std::memory_order_release);
  ring_all(bell_);
}

Exchange* ExchangePool::open(const ConnectionInfo& connection) {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Exchange>(limits_, spill_));
    all_.back()->pool_place = all_.size() - 1;
    free_.push_back(all_.back().get());
  }
  Exchange* exchange = free_.back();
  free_.pop_back();
  exchange->reset(next_id_++, connection);
  return exchange;
}

void ExchangePool::close(Exchange* exchange) {
  if (free_.size() < kKept) {
    exchange->release();
    free_.push_back(exchange);
    return;
  }
  // Swap with the last one, so that giving one back costs the same however many there are.
  const std::size_t place = exchange->pool_place;
  std::swap(all_[place], all_.back());
  all_[place]->pool_place = place;
  all_.pop_back();
}

}  // namespace winghorn
