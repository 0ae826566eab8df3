// SPDX-License-Identifier: MIT
#include "core/engine/slot_runner.h"

#include <pthread.h>
#include <unistd.h>

#include "core/base/kernel_wait.h"

namespace winghorn {
namespace {

std::optional<Nanos> read_clock(clockid_t clock) {
  timespec time{};
  if (clock == 0 || ::clock_gettime(clock, &time) != 0) return std::nullopt;
  return Seconds(time.tv_sec) + Nanos(time.tv_nsec);
}

}  // namespace

void SlotRunner::introduce_thread() {
  fate_ = 0;  // of the last run of a thread before this one
  clockid_t clock = 0;
  if (::pthread_getcpuclockid(::pthread_self(), &clock) == 0) {
    cpu_clock_.store(clock, std::memory_order_relaxed);
  }
  kernel_thread_.store(::gettid(), std::memory_order_relaxed);
  // Python calls a thread by the same number.
  thread_.store(static_cast<std::uint64_t>(::pthread_self()), std::memory_order_relaxed);
}

void SlotRunner::forget_thread() {
  cpu_clock_.store(0, std::memory_order_relaxed);
  kernel_thread_.store(0, std::memory_order_relaxed);
  thread_.store(0, std::memory_order_relaxed);
}

void SlotRunner::mark_cpu() {
  const std::optional<Nanos> time = read_clock(cpu_clock_.load(std::memory_order_relaxed));
  cpu_mark_.store(time ? time->count() : -1, std::memory_order_relaxed);
}

std::optional<Nanos> SlotRunner::cpu_used() const {
  const Nanos::rep mark = cpu_mark_.load(std::memory_order_relaxed);
  const std::optional<Nanos> time = read_clock(cpu_clock_.load(std::memory_order_relaxed));
  return mark >= 0 && time ? std::optional(*time - Nanos(mark)) : std::nullopt;
}

std::string SlotRunner::waits_in() const {
  const pid_t thread = kernel_thread_.load(std::memory_order_relaxed);
  return thread == 0 ? std::string() : winghorn::waits_in(thread).value_or("");
}

bool SlotRunner::give_up(std::uint64_t exchange, bool replaced) {
  std::uint64_t expected = exchange << 2;
  const std::uint64_t fate = kGivenUp | (replaced ? kReplaced : 0);
  return exchange_.compare_exchange_strong(expected, expected | fate, std::memory_order_acq_rel);
}

Nanos SlotRunner::run(Exchange& exchange, Instant now) {
  current_ = &exchange;
  waited_ = Nanos(0);
  row_.begin(exchange.id(), exchange.board_row, now);
  exchange_.store(exchange.id() << 2, std::memory_order_release);
  started_.store(to_word(now), std::memory_order_relaxed);
  silent_since_.store(to_word(now), std::memory_order_relaxed);
  // Not when it was answered while it waited, or its client went away: the work would be for nobody.
  if (exchange.begin(now)) application_.run(exchange, *this);
  silent_since_.store(0, std::memory_order_relaxed);
  started_.store(0, std::memory_order_relaxed);
  fate_ = exchange_.exchange(0, std::memory_order_acq_rel) & (kGivenUp | kReplaced);
  cpu_mark_.store(-1, std::memory_order_relaxed);
  row_.end();
  current_ = nullptr;
  ended_at_ = winghorn::now();
  return ended_at_ - now - waited_;
}

void SlotRunner::put_loop_down() {
  const bool for_body = current_->reply.ahead() <= current_->limits().reply_ahead_bytes;
  row_.phase(for_body ? SlotPhase::AwaitingBody : SlotPhase::AwaitingRoom);
  silent_since_.store(0, std::memory_order_relaxed);
  wait_began_ = winghorn::now();
  ownership_.put_down(number_);
}

void SlotRunner::taken_up() {
  row_.phase(SlotPhase::Running);
  waited_ += winghorn::now() - wait_began_;
  progress();
}

void SlotRunner::published(Exchange& exchange) {
  // While the loop may still come back to this slot nobody else runs it: it is told by coming back, or
  // the watchdog finds the exchange when it takes the loop.
  if (!ownership_.still_away(number_)) homecoming_.publish(exchange);
}

void SlotRunner::progress() {
  silent_since_.store(to_word(winghorn::now()), std::memory_order_relaxed);
}

void SlotRunner::note_progress() {
  std::uint64_t since = silent_since();
  // Not where a run ends just now: the slot would seem to be stuck from then on.
  if (since != 0) silent_since_.compare_exchange_strong(since, to_word(winghorn::now()));
}

void SlotRunner::wants_interpreter(bool waiting) {
  row_.phase(waiting ? SlotPhase::AwaitingInterpreter : SlotPhase::Running);
  wanted_since_.store(waiting ? to_word(winghorn::now()) : 0, std::memory_order_relaxed);
}

}  // namespace winghorn
