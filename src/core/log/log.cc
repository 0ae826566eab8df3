// SPDX-License-Identifier: MIT
#include "core/log/log.h"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <mutex>
#include <thread>

#include "core/base/ascii.h"
#include "core/log/direct_writer.h"
#include "core/log/line_cutter.h"
#include "core/log/log_line.h"
#include "core/log/log_thread.h"
#include "core/log/outlets.h"
#include "core/log/output_capture.h"
#include "core/log/receiver.h"
#include "core/log/record.h"
#include "core/log/ring_writer.h"

namespace winghorn::log {

std::atomic<Level> lowest_wanted{Level::Info};

namespace {

std::atomic<bool> access_on{false};

// Everything that a process has. Never destroyed: other threads log until the process ends.
class Process {
 public:
  Process() = default;
  // Of a process just forked from one that had `parent`.
  explicit Process(Process* parent);

  Status open(const Places& places, Level level, Format format);
  void reopen();
  void write(LogKind kind, Bytes text, RingMark* mark = nullptr);
  void write_long(Bytes text, Millis patience);
  void write_raw(Bytes text);
  bool pending();
  bool flush_pending();
  void drain_dead(LogRing& ring);
  void attach(LogRing& ring);
  void start_thread();
  void stop_thread(Millis patience);

 private:
  bool is_receivers_own(LogKind kind, Bytes text);
  void pass_on(LogKind kind, Bytes lines, RingMark* mark = nullptr);
  void await_room(Instant until);
  bool see_it_written();
  void write_out_here();

  std::mutex mutex_;
  Outlets outlets_;
  // Set by the only thread there is, and read without the lock: who holds it must not wait for the interpreter.
  std::shared_ptr<const Receiver> receiver_;
  std::string captured_;          // the file that standard output is a part of
  std::optional<uid_t> wary_of_;  // as Places has it
  DirectWriter direct_{outlets_};
  LogRing* ring_ = nullptr;
  std::unique_ptr<RingWriter> writer_;
  std::unique_ptr<LogThread>
      thread_;  // made with the ring; kept, so that it may be rung without the lock
  enum class Writer : std::uint8_t {
    Caller,
    Thread,
    StoppingThread,
    NobodyAnyMore
  } writer_now_ = Writer::Caller;
  Process* parent_ = nullptr;  // only so that leak checkers see it
};

Process* current = nullptr;

Process& process() {
  static Process* const first = current = new Process;
  (void)first;
  return *current;
}

// The parent's locks may be held by threads that do not exist here, and its unwritten lines are its own: a
// forked process begins anew, with the same sinks.
void begin_anew_in_child() {
  if (current != nullptr) current = new Process(current);
}

void watch_forks() {
  static const bool watched = ::pthread_atfork(nullptr, nullptr, begin_anew_in_child) == 0;
  (void)watched;
}

Process::Process(Process* parent)
    : receiver_(parent->receiver_),
      captured_(parent->captured_),
      wary_of_(parent->wary_of_),
      parent_(parent) {
  outlets_.errors = parent->outlets_.errors.inherit();
  outlets_.access = parent->outlets_.access.inherit();
}

// Lines that a receiver logs while it takes lines.
thread_local bool inside_receiver = false;

void hand_to(const Receiver& receiver, LogKind kind, Bytes lines) {
  inside_receiver = true;
  receiver.take(kind, lines);
  inside_receiver = false;
}

// The same, as the sinks see it.
std::shared_ptr<const Receiver> guarded(const std::shared_ptr<const Receiver>& receiver) {
  if (receiver == nullptr) return nullptr;
  Receiver made = *receiver;
  made.take = [receiver](LogKind kind, Bytes lines) { hand_to(*receiver, kind, lines); };
  return std::make_shared<const Receiver>(std::move(made));
}

Result<Sink> sink_for(const Places& places, LogKind kind,
                      const std::shared_ptr<const Receiver>& receiver) {
  if (receiver != nullptr) return Sink::to(receiver, kind);
  const bool is_error = kind == LogKind::Error;
  const std::string& place = is_error ? places.errors : places.access;
  const int standard = is_error ? 2 : 1;
  if (place == "-") return Sink::standard(standard);
  if (place.empty()) return Sink();
  return Sink::file(place, places.wary_of);
}

Status Process::open(const Places& places, Level level, Format format) {
  const auto receiver = guarded(places.receiver);
  Result<Sink> errors = sink_for(places, LogKind::Error, receiver);
  if (!errors) return errors.error();
  const bool captures = places.capture && places.errors != "-";
  Result<Fd> captured = captures ? open_captured(places.errors, places.wary_of) : Result<Fd>(Fd());
  if (!captured) return captured.error();
  Result<Sink> access = sink_for(places, LogKind::Access, receiver);
  if (!access) return access.error();
  if (receiver != nullptr) {
    const Result<Level> wanted = receiver->open();
    if (!wanted) {
      if (receiver_ != nullptr) (void)receiver_->open();  // it was right once
      return wanted.error();
    }
    level = wanted.value();
    format = Format::ForReceiver;
  }
  const std::lock_guard lock(mutex_);
  CHECK(ring_ == nullptr);  // a worker's places are its arbiter's
  direct_.flush();
  outlets_.errors = std::move(errors).value();
  outlets_.access = std::move(access).value();
  if (captures) {
    redirect_output(captured.value());
    (void)outlets_.access.reopen();  // it may be standard output
  }
  receiver_ = receiver;
  captured_ = captures ? places.errors : "";
  wary_of_ = places.wary_of;
  access_on.store(outlets_.access.on());
  lowest_wanted.store(level, std::memory_order_relaxed);
  choose_format(format, std::min(LogRing::kLongestRecord, outlets_.errors.batch_bytes()));
  return Nothing{};
}

void Process::reopen() {
  if (!captured_.empty()) {
    if (Result<Fd> file = open_captured(captured_, wary_of_))
      redirect_output(file.value());  // else as it was
  }
  Writer writer = Writer::NobodyAnyMore;
  {
    const std::lock_guard lock(mutex_);
    writer = writer_now_;
    if (writer == Writer::Caller && receiver_ == nullptr) {
      direct_.flush();
      reopen_both(outlets_);
    }
  }
  if (writer == Writer::Thread) return thread_->ask_to_reopen();
  // Without the lock: whoever holds it must not wait for the interpreter.
  if (writer == Writer::Caller && receiver_ != nullptr) receiver_->reopen();
}

// True: taken, without the lock and the ring.
bool Process::is_receivers_own(LogKind kind, Bytes text) {
  if (receiver_ == nullptr) return false;
  if (inside_receiver) {
    (void)!::write(STDERR_FILENO, text.data(), text.size());
    return true;
  }
  if (ring_ != nullptr) return false;
  receiver_->take(kind, text);
  return true;
}

void Process::write(LogKind kind, Bytes text, RingMark* mark) {
  if (is_receivers_own(kind, text)) return;
  bool must_ring = false;
  {
    const std::lock_guard lock(mutex_);
    std::string scratch;
    while (!text.empty()) pass_on(kind, take_lines(text, LogRing::kLongestRecord, scratch), mark);
    must_ring = see_it_written();
  }
  if (must_ring) thread_->ring();
}

void Process::write_long(Bytes text, Millis patience) {
  const Instant until = now() + patience;
  std::string scratch;
  while (!text.empty()) {
    await_room(until);
    write(LogKind::Error, take_lines(text, LogRing::kLongestRecord, scratch));
  }
}

// While there is a log thread that makes it.
void Process::await_room(Instant until) {
  // Of the part that a reader may leave lying without losing the oldest of it (ring_writer.h): a record and
  // as much again, which may stay unused at the ring's end.
  constexpr std::size_t kUsable = LogRing::kCapacity / 4 * 3;
  constexpr std::size_t kNeeded = 2 * LogRing::kLongestRecord + 64;
  while (now() < until) {
    {
      const std::lock_guard lock(mutex_);
      if (writer_now_ != Writer::Thread || ring_->used() + kNeeded <= kUsable) return;
    }
    std::this_thread::sleep_for(Millis(1));
  }
}

void Process::write_raw(Bytes text) {
  bool must_ring = false;
  {
    const std::lock_guard lock(mutex_);
    while (!text.empty()) pass_on(LogKind::Error, take_part(text, LogRing::kLongestRecord));
    must_ring = see_it_written();
  }
  if (must_ring) thread_->ring();
}

// True: the thread must be rung, once the lock is let go.
bool Process::see_it_written() {
  if (writer_now_ == Writer::Thread) return thread_->must_ring();
  // A receiver may want the interpreter, which may wait for this lock: its lines are for the thread to come, or
  // for the arbiter.
  if (ring_ != nullptr && writer_now_ == Writer::Caller && receiver_ == nullptr) write_out_here();
  return false;
}

void Process::pass_on(LogKind kind, Bytes lines, RingMark* mark) {
  if (ring_ != nullptr) {
    ring_->append(kind, lines, mark);
  } else {
    direct_.write(kind, lines);
  }
}

void Process::write_out_here() {
  while (writer_->step() == RingWriter::Step::Wrote) {
  }
  writer_->report_drops(now());
}

bool Process::pending() {
  const std::lock_guard lock(mutex_);
  return direct_.pending();
}

bool Process::flush_pending() {
  const std::lock_guard lock(mutex_);
  return direct_.flush();
}

void Process::drain_dead(LogRing& ring) {
  const std::lock_guard lock(mutex_);
  direct_.write_out(ring);
}

void Process::attach(LogRing& ring) {
  const std::lock_guard lock(mutex_);
  CHECK(writer_now_ == Writer::Caller);
  ring_ = &ring;
  writer_ = std::make_unique<RingWriter>(ring, outlets_);
  thread_ = std::make_unique<LogThread>(*writer_, outlets_, mutex_);
}

void Process::start_thread() {
  Status started = Nothing{};
  {
    const std::lock_guard lock(mutex_);
    CHECK(ring_ != nullptr && writer_now_ == Writer::Caller);
    started = thread_->start();
    if (started) writer_now_ = Writer::Thread;
  }
  // Not fatal: lines are then written by the threads that say them; a receiver's by the arbiter, when we are gone.
  if (!started) error("Cannot write the log from its own thread: {}", started.error().text());
}

void Process::stop_thread(Millis patience) {
  {
    const std::lock_guard lock(mutex_);
    if (writer_now_ != Writer::Thread) return;  // several ways out of a worker may come here
    writer_now_ = Writer::StoppingThread;
  }
  const bool returned = thread_->stop(patience);
  const std::lock_guard lock(mutex_);
  writer_now_ = returned ? Writer::Caller : Writer::NobodyAnyMore;
  // What came while it was on its way out.
  if (returned && receiver_ == nullptr) write_out_here();
}

// Of the calling thread's, in wsgi.errors.
thread_local LineCutter begun_line;

void write_stream_line(Bytes line) { process().write(LogKind::Error, stream_record(line)); }

}  // namespace

std::optional<Level> level_named(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "warning", "error",
                                                      "critical"};
  const std::string lower = lower_case(name);
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (lower == kNames[i]) return static_cast<Level>(i);
  }
  return std::nullopt;
}

std::optional<Format> format_named(std::string_view name) {
  const std::string lower = lower_case(name);
  if (lower == "text") return Format::Text;
  if (lower == "json") return Format::Json;
  return std::nullopt;
}

Status open(const Places& places, Level level, Format format) {
  watch_forks();
  return process().open(places, level, format);
}

void reopen() { process().reopen(); }

bool access_wanted() { return access_on.load(std::memory_order_relaxed); }

void say(Level level, std::string_view message) {
  if (wanted(level)) process().write(LogKind::Error, record_of(level, message));
}

void say_incident(Level level, const Incident& incident, Millis patience) {
  if (wanted(level)) process().write_long(record_of(level, incident), patience);
}

void say_stacks(Level level, const StackRecord& stacks, Millis patience) {
  if (wanted(level)) process().write_long(record_of(level, stacks), patience);
}

void say_access(Bytes line, RingMark* mark) {
  if (access_wanted()) process().write(LogKind::Access, line, mark);
}

void say_raw(Bytes text) {
  if (format_is(Format::Text)) return process().write_raw(text);
  begun_line.put(text, write_stream_line);
}

void end_raw() { begun_line.end(write_stream_line); }

bool pending() { return process().pending(); }

bool flush_pending() { return process().flush_pending(); }

void drain_dead(LogRing& ring) { process().drain_dead(ring); }

void attach_ring(LogRing& ring) {
  watch_forks();
  process().attach(ring);
}

void start_thread() { process().start_thread(); }

void stop_thread(Millis patience) { process().stop_thread(patience); }

}  // namespace winghorn::log
