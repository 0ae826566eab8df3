// crash_table.h: every connection of a worker, where a signal handler can find it at any moment.
//
// The loop's owner lists its connections and holds the one that it works on. A crash handler, on any thread,
// stops it: from then on the owner begins work on no connection, and all that it does not hold stand still
// and belong to the handler, with their protocols and exchanges. So each reply is sent by one of them:
//
//   crash on a thread that runs the application, loop left:     nothing is held
//   crash beside a thread that runs the loop:                   what it holds is free in microseconds, unless
//                                                               it waits for the heap that the crash has locked
//   crash of the loop's owner itself, in the midst of its work: what it holds is in pieces and never free
//
// Holding costs no atomic exchange: a store and a load that must not be swapped, paid for by the handler
// (fence.h). What a slot does to its exchange meanwhile is atomic or of no interest to the handler.
// The handler's part is async-signal-safe: it takes no lock and no memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/fence.h"
#include "core/engine/connection.h"

namespace winghorn {

class CrashTable {
 public:
  // stay_out(): called on the owner's thread when it would begin work after stop(); never returns.
  explicit CrashTable(std::function<void()> stay_out) : stay_out_(std::move(stay_out)) {}
  CrashTable(const CrashTable&) = delete;
  CrashTable& operator=(const CrashTable&) = delete;

  // ---- the loop's owner ----

  void add(Connection& connection);
  void remove(const Connection& connection);

  // While one lives, its connection is the owner's. One within another is of the same connection.
  class Hold {
   public:
    Hold(CrashTable& table, const Connection& connection)
        : table_(table), outermost_(table.take(connection)) {}
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() {
      if (outermost_) table_.held_.store(nullptr, std::memory_order_release);
    }

   private:
    CrashTable& table_;
    const bool outermost_;
  };

  // ---- the crash handler ----

  void stop();
  // Waits until nothing is held; false: something still is.
  bool await_rest(Nanos patience) const;

  // visit(connection) for all but the one that is held.
  template <class Visit>
  void each(Visit visit) {
    for (Block* block = &first_; block != nullptr;
         block = block->next.load(std::memory_order_acquire)) {
      for (auto& place : block->places) {
        // In this order: what is not held by now never will be, and so is not freed either.
        const Connection* const held = held_.load(std::memory_order_acquire);
        Connection* const connection = place.load(std::memory_order_acquire);
        if (connection != nullptr && connection != held) visit(*connection);
      }
    }
  }

 private:
  static constexpr std::size_t kBlock = 128;
  struct Block {
    std::array<std::atomic<Connection*>, kBlock> places{};
    std::atomic<Block*> next{nullptr};
  };

  // False: the connection is held already.
  bool take(const Connection& connection) {
    if (held_.load(std::memory_order_relaxed) != nullptr) return false;
    held_.store(&connection, std::memory_order_release);
    light_fence();  // against stop()
    if (stopped_.load(std::memory_order_relaxed)) leave_it();
    return true;
  }
  [[gnu::cold]] void leave_it();
  std::atomic<Connection*>& place_of(std::uint32_t index);

  const std::function<void()> stay_out_;
  std::atomic<const Connection*> held_{nullptr};
  std::atomic<bool> stopped_{false};
  Block first_;
  std::vector<std::unique_ptr<Block>> more_;  // the owner's; the handler goes from block to block
};

}  // namespace winghorn
