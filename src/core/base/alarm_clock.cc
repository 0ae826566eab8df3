// SPDX-License-Identifier: MIT
#include "core/base/alarm_clock.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/base/native_thread.h"
#include "core/base/park.h"

namespace winghorn {

Alarm::~Alarm() { CHECK(!is_set()); }

Status AlarmClock::set(Alarm& alarm, Instant due) {
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    if (Status started = start(); !started) return started;
    alarm.setter_ = std::this_thread::get_id();
    is_news = put(alarm, due);
  }
  if (is_news) ring_one(bell_);
  return Nothing{};
}

void AlarmClock::set_again(Alarm& alarm, Instant due) {
  const std::lock_guard lock(mutex_);
  put(alarm, due);  // on the clock's thread, which looks again before it sleeps
}

void AlarmClock::unset(Alarm& alarm) {
  const std::lock_guard lock(mutex_);
  if (alarm.is_set()) remove(alarm);
}

Alarm* AlarmClock::take_due(Instant now) {
  const std::lock_guard lock(mutex_);
  if (heap_.empty() || heap_.front()->due_ > now) return nullptr;
  Alarm* const due = heap_.front();
  remove(*due);
  return due;
}

void AlarmClock::stop() {
  std::unique_ptr<std::thread> thread;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    bell_.fetch_add(1, std::memory_order_release);
    thread = std::move(thread_);
  }
  ring_one(bell_);
  if (thread) thread->join();
}

void AlarmClock::after_fork_in_child() {
  // What it names is a thread of the parent's, to be neither joined nor detached here.
  (void)thread_.release();
  sleeps_until_ = kForEver;
  std::vector<Alarm*> inherited = std::exchange(heap_, {});
  for (Alarm* const alarm : inherited) alarm->place_ = Alarm::kNowhere;
  for (Alarm* const alarm : inherited) {
    if (alarm->setter_ == std::this_thread::get_id()) put(*alarm, alarm->due_);
  }
  mutex_.unlock();
}

Status AlarmClock::resume() {
  const std::lock_guard lock(mutex_);
  if (heap_.empty()) return Nothing{};
  return start();
}

void AlarmClock::run() {
  ::pthread_setname_np(::pthread_self(), "winghorn-clock");
  while (true) {
    const std::uint32_t bell = bell_.load(std::memory_order_acquire);
    std::optional<Nanos> patience;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      sleeps_until_ = heap_.empty() ? kForEver : heap_.front()->due_;
      if (!heap_.empty()) patience = sleeps_until_ - now();
    }
    if (patience && *patience <= Nanos(0)) {
      ring_();
    } else {
      wait_while(bell_, bell, patience);
    }
  }
}

Status AlarmClock::start() {
  if (thread_ || stopped_) return Nothing{};
  Result<std::thread> started = start_native_thread("start the clock thread", [this] { run(); });
  if (!started) return started.error();
  thread_ = std::make_unique<std::thread>(std::move(started).value());
  return Nothing{};
}

// True: the thread sleeps longer than this, ring the bell.
bool AlarmClock::put(Alarm& alarm, Instant due) {
  if (alarm.is_set()) remove(alarm);
  alarm.due_ = due;
  heap_.push_back(&alarm);
  move_up(alarm, heap_.size() - 1);
  if (due >= sleeps_until_) return false;
  sleeps_until_ = due;
  bell_.fetch_add(1, std::memory_order_release);
  return true;
}

// The last one takes its place, and then the one that it belongs to.
void AlarmClock::remove(Alarm& alarm) {
  const std::size_t place = std::exchange(alarm.place_, Alarm::kNowhere);
  Alarm& last = *heap_.back();
  heap_.pop_back();
  if (&last == &alarm) return;
  move_down(last, place);
  move_up(last, last.place_);
}

void AlarmClock::move_up(Alarm& alarm, std::size_t place) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (heap_[parent]->due_ <= alarm.due_) break;
    lay(*heap_[parent], place);
    place = parent;
  }
  lay(alarm, place);
}

void AlarmClock::move_down(Alarm& alarm, std::size_t place) {
  while (true) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->due_ < heap_[child]->due_) ++child;
    if (alarm.due_ <= heap_[child]->due_) break;
    lay(*heap_[child], place);
    place = child;
  }
  lay(alarm, place);
}

void AlarmClock::lay(Alarm& alarm, std::size_t place) {
  heap_[place] = &alarm;
  alarm.place_ = place;
}

}  // namespace winghorn
