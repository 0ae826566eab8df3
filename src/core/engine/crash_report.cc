// SPDX-License-Identifier: MIT
#include "core/engine/crash_report.h"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "core/base/park.h"
#include "core/base/signal_name.h"
#include "core/engine/engine.h"
#include "core/log/log.h"

namespace winghorn {
namespace {

constexpr Millis kPatienceForClients{300};
constexpr Millis kPatienceForRecord{1000};  // taking stacks has its own, shorter one
constexpr Millis kLogPatience{200};
constexpr Seconds kPatienceForEnd{5};

// False: it was over before the word changed.
bool wait_for(const std::atomic<std::uint32_t>& word, Nanos patience) {
  const Instant until = now() + patience;
  while (word.load(std::memory_order_acquire) == 0) {
    const Nanos left = until - now();
    if (left <= Nanos(0)) return false;
    wait_while(word, 0, left);
  }
  return true;
}

std::string what_was_said(const Connection* connection) {
  if (connection == nullptr) return "not answered";
  if (connection->state == ConnectionState::Broken) return "its client had gone";
  if (connection->last_word.status != 0) {
    return fmt::format("answered {}", connection->last_word.status);
  }
  if (connection->running->client_is_left()) return "answered by the application itself";
  if (connection->running->notes.sent) return "its reply was whole";
  return "its reply, which had begun, was cut";
}

}  // namespace

void CrashReport::answer(const Crash& crash) {
  Loop& loop = engine_.loop_;
  loop.say_last_words(now() + kPatienceForClients);
  crash_ = crash;
  wanted_.store(1, std::memory_order_release);
  ring_all(wanted_);
  engine_.doorbell_.wake();
  if (crash.thread != engine_.watchdog_id_.load(std::memory_order_relaxed)) {
    wait_for(told_, kPatienceForRecord);
  }
  loop.listen_to_the_last();
}

void CrashReport::tell() {
  if (!wait_for(wanted_, kPatienceForEnd)) leave();
  std::string stacks = engine_.events_.stacks();
  if (stacks.empty()) stacks = "  (could not be taken)";
  const SlotRunner* culprit = nullptr;
  for (const auto& slot : engine_.slots_) {
    if (slot->thread() == crash_.thread && slot->started() != 0) culprit = slot.get();
  }
  if (culprit != nullptr) {
    tell_of(*culprit, what_happened() + " on its thread", stacks);
  } else {
    log::say_stacks(
        log::Level::Critical,
        {log::Incident::Kind::Crash,
         fmt::format(
             "{} on thread 0x{:016x}, which runs no request: this worker dies of it. Where every "
             "thread of this worker stands",
             what_happened(), crash_.thread),
         std::move(stacks)},
        kLogPatience);
  }
  for (const auto& slot : engine_.slots_) {
    if (slot->started() == 0 || slot.get() == culprit) continue;
    tell_of(*slot, what_happened() + " elsewhere in its worker", {});
  }
  if (const unsigned count = engine_.loop_.turned_away(); count > 0) {
    log::error("Requests that had not begun when this worker crashed, and were answered 503: {}",
               count);
  }
  told_.store(1, std::memory_order_release);
  ring_all(told_);
  // An earlier handler of the application's may not let the process die, but nobody serves in it any more.
  static const std::atomic<std::uint32_t> never{0};
  wait_for(never, kPatienceForEnd);
  leave();
}

void CrashReport::leave() {
  engine_.events_.leave(1);
  std::abort();
}

std::string CrashReport::what_happened() const {
  const std::string name = signal_name(crash_.signal);
  if (crash_.is_fault) return fmt::format("{} at address 0x{:x}", name, crash_.address);
  if (crash_.sender == ::getpid()) return fmt::format("{} by its own code", name);
  return fmt::format("{} from process {}", name, crash_.sender);
}

void CrashReport::tell_of(const SlotRunner& slot, std::string action,
                          const std::string& stacks) const {
  log::Incident incident = engine_.describe_slot(slot, log::Incident::Kind::Crash);
  if (incident.method.empty()) return;
  incident.waits_in.clear();  // by now for the end of the process, not for what its code wanted
  incident.action =
      std::move(action) + ": " + what_was_said(engine_.loop_.find_stopped(incident.request));
  incident.stacks = stacks;
  const auto level = stacks.empty() ? log::Level::Error : log::Level::Critical;
  log::say_incident(level, incident, kLogPatience);
}

}  // namespace winghorn
