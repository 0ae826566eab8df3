// incident.h: the one record of the log about a request that went wrong.
//
// A plain value, filled in by whoever knows: the worker's watchdog, or the arbiter for a worker that has
// died. What is not known is left out. say_incident() (log.h) writes it. As text the first line says what
// happened to which request, the following ones how it stood and what was done; as JSON each member is a
// field (json_lines.h).
// Where requests go wrong together, as all of a worker that makes no progress do, the stacks stand in a
// record of their own: they are taken once, after the clients were answered, and may not come at all.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/log/log.h"

namespace winghorn::log {

struct Incident {
  enum class Kind : std::uint8_t {
    Deadline,       // request_timeout is over
    Slow,           // slow_request is over; it goes on
    AllBusy,        // all threads of its worker have been busy for longer than timeout; it goes on
    WorkerTimeout,  // its worker made no progress
    WorkerEnd,      // its worker had to go before it was done: graceful_timeout
    Crash,          // its worker died
  };

  Kind kind = Kind::Deadline;
  std::uint64_t request = 0;  // the id that the worker gave it
  std::string method;
  std::string target;
  std::string peer;
  std::string phase;            // "running", "awaiting body", …; "queued" when no slot had it
  Nanos age{};                  // since it could run
  std::optional<Nanos> queued;  // of it, until a slot had it
  std::optional<std::uint64_t> bytes_in;
  std::optional<std::uint64_t> bytes_out;
  std::optional<Nanos> cpu;  // that its thread has used since it began
  std::optional<unsigned> slot;
  std::uint64_t thread = 0;  // as the stacks call it; 0: none has it
  std::string waits_in;  // the system call that its thread waited in; empty: in none, or not known
  std::string action;    // what the server did about it
  std::string stacks;    // of every thread, as lines
};

// Where every thread of a worker stood, for several incidents at once.
struct StackRecord {
  Incident::Kind kind = Incident::Kind::WorkerTimeout;
  std::string message;
  std::string stacks;
};

// "deadline", "worker_timeout", …
std::string_view name_of(Incident::Kind kind);
// "Request timed out", …
std::string_view title_of(Incident::Kind kind);

// As "0x00007f0012345678", the way the stacks call it.
std::string thread_name(std::uint64_t thread);

// The record's text, without a level or a final newline; what others sent is escaped.
std::string text_of(const Incident& incident);
std::string text_of(const StackRecord& stacks);

}  // namespace winghorn::log
