// loop_ownership.h: who runs a worker's event loop, and how it changes hands.
//
// One atomic word says it all; every change of hands is one of these and no other:
//
//   word      who                         meaning
//   LOOP(i)   slot i                      runs the loop: sockets, timers and connections are its own
//   APP(i)    slot i, until taken         left the loop to run the application; it may be taken from it
//   WATCH     the watchdog                runs the loop
//   OFFER     nobody                      put down for the watchdog, which takes it at once
//
//   step  from      to        by        when
//   T1    LOOP(i)   APP(i)    slot i    before the application is called           leave()
//   T2    APP(i)    LOOP(i)   slot i    after the call, if nobody took it          come_back()
//   T3    APP(i)    WATCH     watchdog  the same call was seen at two ticks        take_over()
//   T4    LOOP(i)   LOOP(j)   slot i    before a call that will be long            pass_on()
//   T5    APP(i)    OFFER     slot i    before it waits for its client             put_down()
//         OFFER     WATCH     watchdog  at once                                    accept_offer()
//   T6    WATCH     LOOP(j)   watchdog  no slow call for a while, j is idle        hand_back()
//
// What the word protects (the loop state S: connections, timers, replies not yet sent) is handed on by
// release and acquire on it. Beside it lies the queue of ready items for the slots that do not run the
// loop, under one mutex with the idle slots; only the loop's owner fills it. A slot without work sleeps
// on its own bell.
//
// `Sync` supplies atomics, a mutex, bells and fences: the real ones (RealSync), or a scheduler's that
// tries the interleavings one by one (tests/unit/core/engine).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/check.h"

namespace winghorn {

enum class LoopPhase : std::uint8_t { Loop, App, Watch, Offer };

// {call number, phase, slot} in one word. The number makes two calls of one slot differ.
class LoopWord {
 public:
  LoopWord() = default;
  explicit LoopWord(std::uint64_t bits) : bits_(bits) {}
  LoopWord(LoopPhase phase, unsigned slot, std::uint64_t call)
      : bits_(call << 24 | std::uint64_t{slot} << 8 | static_cast<std::uint64_t>(phase)) {}

  LoopPhase phase() const { return static_cast<LoopPhase>(bits_ & 0xff); }
  unsigned slot() const { return static_cast<unsigned>(bits_ >> 8 & 0xffff); }
  std::uint64_t call() const { return bits_ >> 24; }
  std::uint64_t bits() const { return bits_; }
  bool is(LoopPhase phase, unsigned slot) const {
    return this->phase() == phase && this->slot() == slot;
  }
  friend bool operator==(LoopWord, LoopWord) = default;

 private:
  std::uint64_t bits_ = 0;
};

enum class Turn : std::uint8_t {
  Owner,        // the loop is this slot's to run
  Guest,        // there is an item to run; somebody else has the loop
  Interrupted,  // a signal handler ran on this thread
  Stop,
};

template <class Item>
struct Assignment {
  Turn turn = Turn::Stop;
  Item item{};
};

template <class Sync, class Item>
class LoopOwnership {
 public:
  // At first the loop is slot 0's.
  explicit LoopOwnership(unsigned slots, typename Sync::WatchdogBell watchdog_bell = {})
      : watchdog_bell_(std::move(watchdog_bell)), idle_(slots, false), bells_(slots) {
    CHECK(slots > 0 && slots < 0xffff);
    for (auto& bell : bells_) bell = std::make_unique<typename Sync::Bell>();
    word_.store(LoopWord(LoopPhase::Loop, 0, 0).bits(), std::memory_order_relaxed);
  }

  LoopWord look() const { return LoopWord(word_.load(std::memory_order_acquire)); }
  bool runs_loop(unsigned slot) const {
    return LoopWord(word_.load(std::memory_order_relaxed)).is(LoopPhase::Loop, slot);
  }
  // For a slot inside its call: whether the loop is still its own to come back to.
  bool still_away(unsigned slot) const {
    return LoopWord(word_.load(std::memory_order_acquire)).is(LoopPhase::App, slot);
  }

  // ---- slots ----

  // Waits for something to do. The caller neither runs the loop nor an item.
  Assignment<Item> await_turn(unsigned slot) {
    std::unique_lock lock(mutex_);
    while (true) {
      if (!queue_.empty()) return {Turn::Guest, take_front()};
      if (stopping_) return {Turn::Stop, Item{}};
      if (runs_loop(slot)) {
        // Whoever gave it stored it under the mutex; this makes S its own for a reader of this line too.
        (void)word_.load(std::memory_order_acquire);
        return {Turn::Owner, Item{}};
      }
      const std::uint32_t seen = bells_[slot]->value();
      idle_[slot] = true;
      lock.unlock();
      const bool interrupted = bells_[slot]->wait(seen);
      lock.lock();
      idle_[slot] = false;
      if (interrupted && queue_.empty() && !runs_loop(slot)) return {Turn::Interrupted, Item{}};
    }
  }

  // T1. Wakes the watchdog if it has gone to sleep: from now on somebody must look.
  void leave(unsigned slot) {
    const LoopWord before(word_.load(std::memory_order_relaxed));
    word_.store(LoopWord(LoopPhase::App, slot, before.call() + 1).bits(),
                std::memory_order_release);
    wake_watchdog_if_parked();
  }

  // T2. True: the loop is this slot's again. False: the watchdog has it; this slot is a guest.
  bool come_back(unsigned slot) {
    LoopWord seen(word_.load(std::memory_order_relaxed));
    if (!seen.is(LoopPhase::App, slot)) return false;
    std::uint64_t expected = seen.bits();
    return word_.compare_exchange_strong(expected,
                                         LoopWord(LoopPhase::Loop, slot, seen.call()).bits(),
                                         std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  // T4. Gives the loop to an idle slot, if there is one and nothing is queued.
  bool pass_on(unsigned slot) {
    const std::scoped_lock lock(mutex_);
    if (!queue_.empty()) return false;
    return give_to_idle(slot);
  }

  // T5. Whether or not the watchdog was faster, the loop is not this slot's any more.
  void put_down(unsigned slot) {
    LoopWord seen(word_.load(std::memory_order_relaxed));
    if (!seen.is(LoopPhase::App, slot)) return;
    std::uint64_t expected = seen.bits();
    if (word_.compare_exchange_strong(expected,
                                      LoopWord(LoopPhase::Offer, slot, seen.call()).bits(),
                                      std::memory_order_acq_rel, std::memory_order_relaxed)) {
      parked_.store(0, std::memory_order_relaxed);
      watchdog_bell_.ring();
    }
  }

  // ---- the loop's owner ----

  // Hands a ready item to the slots, before the first that it comes before.
  template <class ComesBefore>
  void enqueue(Item item, ComesBefore comes_before) {
    const std::scoped_lock lock(mutex_);
    auto place = queue_.end();
    while (place != queue_.begin() && comes_before(item, *std::prev(place))) --place;
    queue_.insert(place, item);
    ring_one_idle();
  }

  // Takes an item out that no slot has taken yet.
  bool take_back(Item item) {
    const std::scoped_lock lock(mutex_);
    return std::erase(queue_, item) > 0;
  }

  // The one that has waited longest; an empty Item when none waits.
  Item take_back_one() {
    const std::scoped_lock lock(mutex_);
    return queue_.empty() ? Item{} : take_front();
  }

  // The one that has waited longest, left where it is; only the owner may look at what it is.
  Item first_queued() const {
    const std::scoped_lock lock(mutex_);
    return queue_.empty() ? Item{} : queue_.front();
  }

  std::size_t queued() const {
    const std::scoped_lock lock(mutex_);
    return queue_.size();
  }

  // ---- the watchdog ----

  // T3, expecting the exact word that was seen a tick ago.
  bool take_over(LoopWord seen) {
    if (seen.phase() != LoopPhase::App) return false;
    std::uint64_t expected = seen.bits();
    return word_.compare_exchange_strong(expected, watch_word(seen).bits(),
                                         std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  bool accept_offer() {
    const LoopWord seen = look();
    if (seen.phase() != LoopPhase::Offer) return false;
    std::uint64_t expected = seen.bits();
    return word_.compare_exchange_strong(expected, watch_word(seen).bits(),
                                         std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  // T6. Only from WATCH; false when a request waits in the queue or no slot is idle.
  bool hand_back() {
    const std::scoped_lock lock(mutex_);
    if (!queue_.empty()) return false;
    return give_to_idle(kNobody);
  }

  // Says that the watchdog is about to sleep until it is woken. False: something happened since `seen`.
  bool park(LoopWord seen) {
    parked_.store(1, std::memory_order_relaxed);
    // The store above before the look below, against leave()'s store before its look at parked_.
    Sync::heavy_fence();
    if (look() == seen) return true;
    parked_.store(0, std::memory_order_relaxed);
    return false;
  }
  void unpark() { parked_.store(0, std::memory_order_relaxed); }
  typename Sync::WatchdogBell& watchdog_bell() { return watchdog_bell_; }

  // Every slot's await_turn() returns Stop once the queue is empty.
  void stop() {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (auto& bell : bells_) bell->ring();
  }

 private:
  static constexpr unsigned kNobody = 0xffff;

  static LoopWord watch_word(LoopWord from) { return {LoopPhase::Watch, kNobody, from.call()}; }

  // The one place where a store must be seen before a load: the word says APP, then parked_ is read;
  // the watchdog says parked, then reads the word. Without the fences both could miss the other.
  void wake_watchdog_if_parked() {
    Sync::light_fence();
    if (parked_.load(std::memory_order_relaxed) == 0) return;
    parked_.store(0, std::memory_order_relaxed);
    watchdog_bell_.ring();
  }

  Item take_front() {
    Item item = queue_.front();
    queue_.pop_front();
    // One bell may have been lost to a slot that was interrupted: whoever is here passes it on.
    if (!queue_.empty()) ring_one_idle();
    return item;
  }

  void ring_one_idle() {
    for (std::size_t slot = 0; slot < idle_.size(); ++slot) {
      if (!idle_[slot]) continue;
      idle_[slot] = false;  // the next item rings another one
      bells_[slot]->ring();
      return;
    }
  }

  bool give_to_idle(unsigned from) {
    for (unsigned slot = 0; slot < idle_.size(); ++slot) {
      if (!idle_[slot] || slot == from) continue;
      idle_[slot] = false;
      const LoopWord before(word_.load(std::memory_order_relaxed));
      word_.store(LoopWord(LoopPhase::Loop, slot, before.call() + 1).bits(),
                  std::memory_order_release);
      bells_[slot]->ring();
      return true;
    }
    return false;
  }

  typename Sync::template Atomic<std::uint64_t> word_{0};
  typename Sync::template Atomic<std::uint32_t> parked_{0};
  typename Sync::WatchdogBell watchdog_bell_;

  mutable typename Sync::Mutex mutex_;
  std::deque<Item> queue_;
  std::vector<bool> idle_;  // asleep or about to be, and not rung since
  std::vector<std::unique_ptr<typename Sync::Bell>> bells_;
  bool stopping_ = false;
};

}  // namespace winghorn
