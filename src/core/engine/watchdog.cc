// SPDX-License-Identifier: MIT
#include "core/engine/watchdog.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/log/incident.h"
#include "core/log/log.h"

namespace winghorn {
namespace {

constexpr Millis kTick{5};
constexpr unsigned kQuietTicks = 50;  // then it sleeps
constexpr Millis kSlowPhase{100};     // without a slow call: the loop goes back
constexpr Nanos kSlowCall = 2 * kTick;
constexpr Millis kWatchTurn{20};
constexpr Millis kGlance{1};  // at what siblings do, while they get on
constexpr Seconds kAfterArbiter{1};
constexpr Seconds kQuickStop{1};
constexpr Millis kSeizePatience{200};
// For the reader of a log who is behind. Clients wait for the loop meanwhile; or a second is all there is.
constexpr Millis kLogPatience{100};
constexpr Millis kAbortLogPatience{500};
constexpr Seconds kLongestNap{60};

// In `patience` for all of them.
void say_all(log::Level level, const std::vector<log::Incident>& incidents, Millis patience) {
  const Instant until = now() + patience;
  for (const log::Incident& incident : incidents) {
    log::say_incident(level, incident, std::chrono::duration_cast<Millis>(until - now()));
  }
}

}  // namespace

void Watchdog::run() {
  seen_at_ = now();
  // Beyond the last request: the application's way out is watched too.
  while (!engine_.over_.load(std::memory_order_acquire)) {
    read_orders();
    if (!engine_.finished_.load(std::memory_order_acquire)) look();
    const Instant moment = now();
    beat(moment);
    publish_stuck(moment);
    warn_if_all_busy(moment);
    engine_.overdue_.turn(moment);
    enforce_deadline(moment);
    if (engine_.finished_.load() && engine_.main_thread_is_given_up()) leave(0);
    if (engine_.overdue_.is_busy()) quiet_ticks_ = 0;
    if (quiet_ticks_ >= kQuietTicks && !leave_at_) {
      sleep_until_woken();
    } else {
      sleep_a_tick();
    }
  }
}

// ---- not owning the loop ----

void Watchdog::look() {
  Ownership& ownership = engine_.ownership_;
  if (ownership.accept_offer()) return run_loop();
  const LoopWord word = ownership.look();
  const Instant moment = now();
  if (word != seen_) {
    seen_ = word;
    seen_at_ = moment;
    quiet_ticks_ = 0;
    return;
  }
  if (moment - seen_at_ < kTick) return;  // woken early: not a tick
  if (word.phase() == LoopPhase::App) {
    if (ownership.take_over(word)) run_loop();
  } else {
    ++quiet_ticks_;
  }
}

void Watchdog::sleep_a_tick() { poll_doorbells(kTick); }

void Watchdog::sleep_until_woken() {
  // Parked or not, half the timeout without a beat is what the arbiter will bear with.
  const Nanos timeout = engine_.settings_.timeout;
  const Millis patience =
      timeout > Nanos(0)
          ? std::chrono::duration_cast<Millis>(std::min<Nanos>(timeout / 2, kLongestNap))
          : Millis(-1);
  if (engine_.ownership_.park(seen_)) poll_doorbells(std::max(patience, Millis(-1)));
  engine_.ownership_.unpark();
  quiet_ticks_ = kQuietTicks - 1;
}

void Watchdog::poll_doorbells(Millis patience) {
  std::array<pollfd, 4> doors{{{engine_.ownership_.watchdog_bell().fd(), POLLIN, 0},
                               {engine_.doorbell_.fd(), POLLIN, 0},
                               {lifeline_ended_ ? -1 : engine_.place_.lifeline.get(), POLLIN, 0},
                               {engine_.place_.signal_pipe.get(), POLLIN, 0}}};
  if (::poll(doors.data(), doors.size(), static_cast<int>(patience.count())) <= 0) return;
  if (doors[0].revents != 0) engine_.ownership_.watchdog_bell().clear();
  if (doors[1].revents != 0) engine_.doorbell_.clear();
  if (doors[2].revents != 0) read_lifeline();
  if (doors[3].revents != 0) hear_of_signals();
}

void Watchdog::hear_of_signals() {
  std::array<char, 64> numbers;
  const int pipe = engine_.place_.signal_pipe.get();
  // Its end or a fault: whoever had the other end does not use it any more.
  if (::read(pipe, numbers.data(), numbers.size()) == 0) engine_.place_.signal_pipe.reset();
  engine_.ask_to_look_for_signals();
}

// ---- owning it ----

void Watchdog::run_loop() {
  Loop& loop = engine_.loop_;
  engine_.last_slow_call_.store(to_word(now()), std::memory_order_relaxed);
  for (const auto& slot : engine_.slots_) {
    if (slot->started() != 0 && !slot->cpu_used()) slot->mark_cpu();
  }
  loop.adopt_inline();
  loop.flush();
  while (!engine_.finished_.load(std::memory_order_relaxed)) {
    engine_.obey_orders();
    while (Exchange* exchange = loop.next_ready()) engine_.queue_or_refuse(*exchange);
    engine_.share_queue();
    loop.flush();
    loop.fire_clocks();
    if (!loop.batch_empty()) continue;
    engine_.show_counts();
    if (engine_.finished_draining()) return engine_.finish();
    if (give_loop_back()) break;
    wait_for_events();
  }
  seen_ = engine_.ownership_.look();
  seen_at_ = now();
  quiet_ticks_ = 0;
}

bool Watchdog::slow_phase_is_past(Instant moment) const {
  for (const auto& slot : engine_.slots_) {
    // Who waits for its client, or gives item after item, keeps no loop's owner from anything.
    const std::uint64_t since = slot->silent_since();
    if (since != 0 && moment - from_word(since) > kSlowCall && !slot->is_given_up()) return false;
  }
  return moment - from_word(engine_.last_slow_call_.load(std::memory_order_relaxed)) > kSlowPhase;
}

bool Watchdog::give_loop_back() {
  Loop& loop = engine_.loop_;
  if (!slow_phase_is_past(now()) || loop.has_deferred() || engine_.homecoming_.waiting())
    return false;
  return engine_.ownership_.hand_back();
}

// Nobody says so when a sibling has become free for what waits here.
Millis Watchdog::patience() const {
  if (engine_.ownership_.queued() > 0) return engine_.others_keep_moving() ? kGlance : kTick;
  return engine_.overdue_.is_busy() ? kTick : kWatchTurn;
}

void Watchdog::wait_for_events() {
  engine_.loop_.poll(patience());
  poll_doorbells(Millis(0));
  read_orders();
  const Instant moment = now();
  beat(moment);
  publish_stuck(moment);
  warn_if_all_busy(moment);
  engine_.overdue_.turn(moment);
  enforce_deadline(moment);
}

// ---- orders ----

void Watchdog::read_lifeline() {
  char word = 0;
  while (true) {
    switch (hear(engine_.place_.lifeline.get(), word)) {
      case Heard::Nothing:
        return;
      case Heard::End:
        lifeline_ended_ = true;
        return arbiter_is_gone();
      case Heard::Word:
        obey(static_cast<Order>(word));
        break;
    }
  }
}

void Watchdog::obey(Order order) {
  switch (order) {
    case Order::Begin:  // heard before there was an engine
      return;
    case Order::Retire:
      return engine_.order(WorkerOrder::Retire);
    case Order::Stop:
      return engine_.order(WorkerOrder::Stop);
    case Order::Quit:
      return engine_.order(WorkerOrder::Quit);
    case Order::Reopen:
      return engine_.order(WorkerOrder::Reopen);
    case Order::Abort:
      return engine_.order(WorkerOrder::Abort);
  }
}

void Watchdog::read_orders() {
  if (engine_.crash_.is_wanted()) engine_.crash_.tell();
  const unsigned orders = engine_.orders_.exchange(0, std::memory_order_acq_rel);
  const auto given = [orders](WorkerOrder order) {
    return (orders & static_cast<unsigned>(order)) != 0;
  };
  if (given(WorkerOrder::Reopen)) engine_.events_.reopen_logs();
  if (given(WorkerOrder::Abort)) abort_worker();
  if (given(WorkerOrder::Quit)) {
    engine_.events_.quitting();
    retire(kQuickStop, Drain::AtOnce);
  } else if (given(WorkerOrder::Stop)) {
    retire(engine_.settings_.graceful_timeout, Drain::ToTheLast);
  } else if (given(WorkerOrder::Retire)) {
    retire(engine_.settings_.graceful_timeout, Drain::Gently);
  }
}

void Watchdog::retire(Nanos patience, Drain how) {
  const Instant until = now() + patience;
  leave_at_ = leave_at_ ? std::min(*leave_at_, until) : until;
  if (how > engine_.drain_wanted_.load())
    engine_.drain_wanted_.store(how, std::memory_order_release);
  engine_.homecoming_.wake();  // a slot that waits in poll() must look
}

void Watchdog::arbiter_is_gone() {
  log::info("Parent changed, shutting down");
  retire(kAfterArbiter, Drain::AtOnce);
}

void Watchdog::enforce_deadline(Instant moment) {
  if (!leave_at_ || moment < *leave_at_) return;
  take_leave(log::Incident::Kind::WorkerEnd, {503, 503});
  leave(0);
}

void Watchdog::abort_worker() {
  // The clients first: the arbiter gives a second, and stacks may take part of it.
  take_leave(log::Incident::Kind::WorkerTimeout, {504, 503});
  std::string stacks = engine_.events_.stacks();
  if (stacks.empty()) {
    log::error("The stacks of this worker could not be read");
  } else {
    log::say_stacks(log::Level::Error,
                    {log::Incident::Kind::WorkerTimeout, "Where every thread of this worker stands",
                     std::move(stacks)},
                    kAbortLogPatience);
  }
  engine_.events_.aborting();
  leave(1);
}

// Answers every client, and tells of what runs.
void Watchdog::take_leave(log::Incident::Kind kind, const Loop::Farewell& farewell) {
  const bool owns_loop = !engine_.finished_.load() && seize_loop();
  const std::vector<log::Incident> incidents = engine_.describe_running(kind, farewell.begun);
  if (owns_loop) engine_.loop_.answer_everything(farewell);
  say_all(log::Level::Error, incidents, kAbortLogPatience);
}

// Takes the loop from whatever has it. False: its owner does not come out of it.
bool Watchdog::seize_loop() {
  Ownership& ownership = engine_.ownership_;
  const Instant until = now() + kSeizePatience;
  while (now() < until) {
    const LoopWord word = ownership.look();
    if (word.phase() == LoopPhase::Watch) return true;
    if (ownership.accept_offer() || ownership.take_over(word)) {
      engine_.loop_.adopt_inline();
      return true;
    }
    engine_.seize_wanted_.store(true, std::memory_order_release);
    engine_.homecoming_.wake();
    poll_doorbells(Millis(1));
  }
  return false;
}

void Watchdog::leave(int code) {
  engine_.events_.leave(code);
  std::abort();
}

// ---- what the world sees ----

void Watchdog::beat(Instant moment) {
  if (moment - last_beat_ < Millis(100)) return;
  last_beat_ = moment;
  engine_.place_.board.seat(engine_.place_.seat).watchdog.engine_beat.set(to_word(moment));
}

void Watchdog::publish_stuck(Instant moment) {
  const bool the_call_counts = engine_.settings_.stuck_means_the_call;
  if (!the_call_counts) probe_interpreter(moment);
  std::uint64_t oldest = engine_.entry_asked_at_.load(std::memory_order_acquire);
  for (const auto& slot : engine_.slots_) {
    const std::uint64_t since =
        the_call_counts ? slot->silent_since() : slot->interpreter_wanted_since();
    if (since != 0 && (oldest == 0 || since < oldest)) oldest = since;
  }
  engine_.place_.board.seat(engine_.place_.seat).progress.stuck_since.set(oldest);
}

// Whether the interpreter can be entered, where nobody else may be trying: a call that is silent for long
// may keep it, and the main thread has nothing better to do than to find out.
void Watchdog::probe_interpreter(Instant moment) {
  const Nanos often = engine_.settings_.timeout / 4;
  if (often == Nanos(0) || moment - last_probe_ < often) return;
  if (engine_.entry_asked_at_.load(std::memory_order_acquire) != 0) return;
  const bool one_is_silent = std::ranges::any_of(engine_.slots_, [&](const auto& slot) {
    const std::uint64_t since = slot->silent_since();
    return since != 0 && moment - from_word(since) > often;
  });
  if (!one_is_silent) return;
  last_probe_ = moment;
  engine_.ask_to_enter_interpreter(moment);
}

// Threads that are all busy are no hang: one WARNING says what they do.
void Watchdog::warn_if_all_busy(Instant moment) {
  const Nanos timeout = engine_.settings_.timeout;
  if (engine_.settings_.stuck_means_the_call || timeout == Nanos(0)) return;
  for (const auto& slot : engine_.slots_) {
    if (slot->thread() == 0) continue;
    const std::uint64_t started = slot->started();
    if (started == 0 || moment - from_word(started) < timeout) {
      told_all_busy_ = false;
      return;
    }
  }
  if (told_all_busy_ || engine_.threads_.load() == 0) return;
  told_all_busy_ = true;
  log::say_stacks(
      log::Level::Warning,
      {log::Incident::Kind::AllBusy,
       fmt::format("All {} threads have been busy for longer than timeout; where they stand",
                   engine_.threads_.load()),
       engine_.events_.stacks()},
      kLogPatience);
  say_all(log::Level::Warning, engine_.describe_running(log::Incident::Kind::AllBusy, 0),
          kLogPatience);
}

}  // namespace winghorn
