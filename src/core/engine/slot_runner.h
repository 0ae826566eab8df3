// slot_runner.h: one slot: the capacity to run one request, and what it shows the world meanwhile.
//
// Lives as long as the engine. run() and what it calls belong to the slot's thread; the words read by
// the watchdog are atomics. Its row on the scoreboard has this thread as its one writer.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/engine/homecoming.h"
#include "core/engine/loop_ownership.h"
#include "core/engine/real_sync.h"
#include "core/http/application.h"
#include "core/scoreboard/slot_row.h"

namespace winghorn {

using Ownership = LoopOwnership<RealSync, Exchange*>;

class SlotRunner final : public Slot {
 public:
  SlotRunner(unsigned number, Application& application, Ownership& ownership,
             Homecoming& homecoming, SlotRow& row)
      : number_(number),
        application_(application),
        ownership_(ownership),
        homecoming_(homecoming),
        row_(row) {}

  unsigned number() const override { return number_; }

  // Runs it to its end, outside the loop. Returns how long it took, waits for its client left out.
  Nanos run(Exchange& exchange, Instant now);
  Instant ended_at() const { return ended_at_; }
  // Whether this thread hears of so many signals for the first time.
  bool is_news(std::uint32_t signals) { return std::exchange(signals_seen_, signals) != signals; }

  // Slot
  void put_loop_down() override;
  void taken_up() override;
  void published(Exchange& exchange) override;
  void progress() override;
  void wants_interpreter(bool waiting) override;

  // On the slot's thread, before its first run: how others find this thread.
  void introduce_thread();
  void forget_thread();
  // From here on cpu_used() counts. By the slot before a run that may be long, or by the watchdog once a run
  // has become long: what came before is too short to matter.
  void mark_cpu();

  // Any thread. Words as in to_word(); 0 when there is none.
  // Which exchange it runs.
  std::uint64_t exchange() const { return exchange_.load(std::memory_order_acquire) >> 2; }
  // The watchdog: nobody counts on the slot any more that runs `exchange`; `replaced`: another does its work.
  // False: it has just come back.
  bool give_up(std::uint64_t exchange, bool replaced);
  // The slot's thread, about its last run.
  bool was_given_up() const { return (fate_ & kGivenUp) != 0; }
  bool was_replaced() const { return (fate_ & kReplaced) != 0; }
  bool is_given_up() const { return (exchange_.load(std::memory_order_relaxed) & kGivenUp) != 0; }
  // 0: it has none.
  std::uint64_t thread() const { return thread_.load(std::memory_order_relaxed); }
  std::optional<Nanos> cpu_used() const;
  // The system call that its thread waits in; empty: in none, or not known.
  std::string waits_in() const;
  std::uint64_t started() const { return started_.load(std::memory_order_relaxed); }
  // Since when the application has neither returned nor given an item, not counting waits for its client.
  std::uint64_t silent_since() const { return silent_since_.load(std::memory_order_relaxed); }
  // progress(), from elsewhere: if a call runs, it is alive.
  void note_progress();
  std::uint64_t interpreter_wanted_since() const {
    return wanted_since_.load(std::memory_order_relaxed);
  }

 private:
  const unsigned number_;
  Application& application_;
  Ownership& ownership_;
  Homecoming& homecoming_;
  SlotRow& row_;
  Exchange* current_ = nullptr;
  Instant ended_at_;
  Instant wait_began_;
  Nanos waited_{};
  std::uint32_t signals_seen_ = 0;
  std::uint64_t fate_ = 0;  // of the last run: the two bits of exchange_
  // The id of the exchange, and in the lowest bits what the watchdog has made of it.
  static constexpr std::uint64_t kGivenUp = 1;
  static constexpr std::uint64_t kReplaced = 2;
  std::atomic<std::uint64_t> exchange_{0};
  std::atomic<std::uint64_t> thread_{0};
  std::atomic<pid_t> kernel_thread_{0};   // as the kernel calls it; 0: it has none
  std::atomic<clockid_t> cpu_clock_{0};   // 0: it has none
  std::atomic<Nanos::rep> cpu_mark_{-1};  // -1: not marked since the run began
  std::atomic<std::uint64_t> started_{0};
  std::atomic<std::uint64_t> silent_since_{0};
  std::atomic<std::uint64_t> wanted_since_{0};
};

}  // namespace winghorn
