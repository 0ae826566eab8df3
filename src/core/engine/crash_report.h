// crash_report.h: what happens between a fatal signal and the death of the worker.
//
//   handler (any thread)                          watchdog
//   answer(): the clients have their answers;
//             asks for the record  ------------>  tell(): stacks, one record for each request, the log
//             waits, with a bound  <------------  told
//   the handler goes on to let the process die
//
// The handler may have interrupted anything: answer() takes no lock and no memory. The watchdog is in nobody's
// way, but the heap may be in pieces or locked for good; then the record comes late or in part, or never, and
// the worker dies all the same. A crash of the watchdog itself has answers, and no record.
// SPDX-License-Identifier: MIT
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "core/log/incident.h"

namespace winghorn {

class Engine;
class SlotRunner;

// As the kernel told it.
struct Crash {
  int signal = 0;
  bool is_fault = false;      // of an instruction, at `address`; otherwise somebody sent the signal
  std::uint64_t address = 0;  // of what could not be accessed, or of the instruction
  int sender = 0;             // its process; this one for abort()
  std::uint64_t thread = 0;   // as the stacks call it
};

class CrashReport {
 public:
  explicit CrashReport(Engine& engine) : engine_(engine) {}

  // The handler's, once in the life of a process; async-signal-safe. Returns within some two seconds.
  void answer(const Crash& crash);

  // The watchdog's, when is_wanted() or when it must stay out of the loop.
  bool is_wanted() const { return wanted_.load(std::memory_order_acquire) != 0; }
  [[noreturn]] void tell();

 private:
  [[noreturn]] void leave();
  std::string what_happened() const;
  void tell_of(const SlotRunner& slot, std::string action, const std::string& stacks) const;

  Engine& engine_;
  Crash crash_;
  std::atomic<std::uint32_t> wanted_{0};
  std::atomic<std::uint32_t> told_{0};
};

}  // namespace winghorn
