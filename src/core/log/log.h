// log.h: the process's error log and access log.
//
// A record of the error log: [2026-11-22 18:03:24 +0000] [<pid>] [INFO] message
// or, in the other format, a line that is one JSON object (json_lines.h).
// What others sent must be passed through escape() first; a message may have several lines.
// No call here waits for a reader or a disk, with the exceptions named below and, in a process without a ring, but
// for as long as a receiver takes; what does not fit is dropped
// and counted, and one WARNING says how many lines. Any thread may call say() and say_access().
//
//   arbiter:  open() → say()… ; its loop calls flush_pending() while pending(); drain_dead() after a reap
//   worker:   (fork) attach_ring() → say()… → start_thread() → … → stop_thread() → say()… → _exit
//
// Without a ring, lines are written by the caller. With one they go through the seat's shared memory, so
// they survive the worker; while the log thread runs it alone writes, before and after that the caller
// does. A process forked from a worker has no ring: its lines are written by the caller.
// Callers must have SIGPIPE ignored (Python does). A regular file may block its writer: Linux
// gives no way around that, and for workers it is the log thread that waits.
// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/core.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/log_ring.h"
#include "core/base/result.h"
#include "core/log/escape.h"

namespace winghorn::log {

enum class Level : std::uint8_t { Debug, Info, Warning, Error, Critical };

// "debug", "INFO", …
std::optional<Level> level_named(std::string_view name);

// ForReceiver: as Json, but a record has nothing beside its message, which is the text.
enum class Format : std::uint8_t { Text, Json, ForReceiver };

// "text", "json"
std::optional<Format> format_named(std::string_view name);

struct Receiver;

struct Places {
  std::string errors = "-";  // "-" is stderr, else a file that is appended to
  std::string access;        // "-" is stdout, empty is off
  bool capture = false;      // standard output and error go to the file of `errors`, if it is one
  std::shared_ptr<const Receiver> receiver = nullptr;  // takes all lines instead of the two
  std::optional<uid_t> wary_of = std::nullopt;  // whose links do not lead to a file: a worker's
  bool operator==(const Places&) const = default;
};

// All of it or, when a place cannot be opened, nothing: then the log goes on as it was. The failure's text
// is gunicorn's: Error: '<path>' isn't writable [<reason>]
Status open(const Places& places, Level level, Format format = Format::Text);

// Files are opened again under their names (after a rotation); one that cannot be stays as it was, and
// a line says so. With a running log thread it does this, soon.
void reopen();

extern std::atomic<Level> lowest_wanted;
inline bool wanted(Level level) { return level >= lowest_wanted.load(std::memory_order_relaxed); }
bool access_wanted();

void say(Level level, std::string_view message);
// What went wrong with a request, and where threads stood. They may be longer than the ring: between their
// lines others may stand, and while the ring is full they wait for the log thread, for at most so long in all.
struct Incident;
struct StackRecord;
void say_incident(Level level, const Incident& incident, Millis patience);
void say_stacks(Level level, const StackRecord& stacks, Millis patience);
// A whole line (AccessFormat::format makes them), newline included. The mark, if any, tells who reads the ring
// of a worker that has died whether the line came into it.
void say_access(Bytes line, RingMark* mark = nullptr);
// Text of somebody else's making (wsgi.errors), of any level and in any number of lines, for the error log:
// nothing is put before it, between its parts or behind it. As JSON each of its lines is a record; a line
// that the calling thread has begun and not ended is kept until it does, or until end_raw().
void say_raw(Bytes text);
void end_raw();

template <class... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  if (wanted(Level::Debug)) say(Level::Debug, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  if (wanted(Level::Info)) say(Level::Info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  if (wanted(Level::Warning)) say(Level::Warning, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  if (wanted(Level::Error)) say(Level::Error, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void critical(fmt::format_string<Args...> text, Args&&... args) {
  if (wanted(Level::Critical)) say(Level::Critical, fmt::format(text, std::forward<Args>(args)...));
}

// Without a ring: lines that a full pipe did not take. flush_pending() tries again; true: none left.
bool pending();
bool flush_pending();

// Writes what the dead owner of this ring had finished and not written. The arbiter's.
void drain_dead(LogRing& ring);

// The worker's. The ring must stay until the process ends.
void attach_ring(LogRing& ring);
void start_thread();
// Writes what is in the ring, for at most so long; the rest is the arbiter's to write. Any thread; a
// second call returns at once. With a receiver that needs the interpreter the caller must not hold it, and all
// that is left is the arbiter's.
void stop_thread(Millis patience = Millis(1000));

}  // namespace winghorn::log
