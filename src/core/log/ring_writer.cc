// SPDX-License-Identifier: MIT
#include "core/log/ring_writer.h"

#include <algorithm>

#include "core/log/record.h"

namespace winghorn::log {
namespace {

constexpr std::size_t kNearlyFull = LogRing::kCapacity / 4 * 3;
constexpr std::size_t kHalf = LogRing::kCapacity / 2;

LogKind other_than(LogKind kind) {
  return kind == LogKind::Error ? LogKind::Access : LogKind::Error;
}

}  // namespace

RingWriter::Step RingWriter::step() {
  LogRing::Record first{};
  if (!find_first(first)) {
    if (!outlets_.errors.settle()) {
      blocked_ = LogKind::Error;
      return Step::Blocked;
    }
    blocked_ = LogKind::Access;
    return outlets_.access.settle() ? Step::Empty : Step::Blocked;
  }
  if (write_batch(first.kind, Order::InTurn) == Attempt::Done) return Step::Wrote;
  blocked_ = first.kind;
  if (outlets_.share_a_place()) return Step::Blocked;
  const Attempt other = write_batch(other_than(first.kind), Order::OutOfTurn);
  if (other == Attempt::Done) return Step::Wrote;
  if (other == Attempt::NothingThere && ring_.used() > kNearlyFull) discard_stalled();
  return Step::Blocked;
}

// Passes over what is done already. False: nothing is left.
bool RingWriter::find_first(LogRing::Record& first) {
  const std::uint64_t end = ring_.end_position();
  const std::uint64_t begin = ring_.begin_position();
  std::uint64_t at = begin;
  bool found = false;
  while (at != end && !found) {
    const auto record = ring_.record_at(at, end);
    if (!record) {  // somebody wrote into our memory: what is there now is lost, not what comes
      ring_.count_lost(1);
      at = end;
    } else if (record->done) {
      at = record->next;
    } else {
      first = *record;
      found = true;
    }
  }
  if (at != begin) ring_.release_to(at);
  return found;
}

RingWriter::Attempt RingWriter::write_batch(LogKind kind, Order order) {
  const std::uint64_t end = gather(kind, order);
  if (batch_.empty()) return Attempt::NothingThere;
  Sink& sink = outlets_.of(kind);
  // A receiver may be long in coming to them (it wants the interpreter): if we are killed meanwhile, they count
  // as not given to it.
  if (order == Order::InTurn && !sink.has_receiver()) ring_.note_writing(end, sink.place());
  if (!sink.write(batch_)) {
    ring_.note_writing(0);
    return Attempt::Busy;
  }
  if (const std::uint64_t lost = sink.take_lost(); lost > 0) {
    ring_.count_lost(lost);
  } else {
    report_failed_ = false;
  }
  // Only now: if we are killed in between, whoever reads the ring knows what is in doubt and looks for it.
  if (order == Order::InTurn) {
    ring_.release_to(end);
  } else {
    for (const std::uint64_t position : out_of_turn_) ring_.mark_done(position);
  }
  return Attempt::Done;
}

// Fills the batch; where it ends. In turn: the run of this kind that the ring begins with.
std::uint64_t RingWriter::gather(LogKind kind, Order order) {
  batch_.clear();
  out_of_turn_.clear();
  const std::size_t most = std::max<std::size_t>(outlets_.of(kind).batch_bytes(), 1);
  const std::uint64_t end = ring_.end_position();
  std::uint64_t at = ring_.begin_position();
  while (at != end) {
    const auto record = ring_.record_at(at, end);
    if (!record) break;
    if (!record->done && record->kind == kind) {
      if (!batch_.empty() && batch_.size() + record->text.size() > most) break;
      batch_ += record->text;
      if (order == Order::OutOfTurn) out_of_turn_.push_back(at);
    } else if (!record->done && order == Order::InTurn) {
      break;
    }
    at = record->next;
  }
  return at;
}

void RingWriter::discard_stalled() {
  LogRing::Record first{};
  while (ring_.used() > kHalf && find_first(first)) {
    const auto lines = std::count(first.text.begin(), first.text.end(), '\n');
    ring_.count_lost(static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(lines, 1)));
    ring_.release_to(first.next);
  }
}

void RingWriter::report_drops(Instant now) {
  const std::uint64_t count = ring_.unreported();
  if (count == 0 || report_failed_ || now < next_report_) return;
  next_report_ = now + Seconds(1);
  const std::string text = fmt::format("{} log lines dropped: nobody took them in time", count);
  if (!outlets_.errors.write(record_of(Level::Warning, text))) return;
  // A lost report is not another lost line. It is owed until something gets through again.
  report_failed_ = outlets_.errors.take_lost() > 0;
  if (!report_failed_) ring_.note_reported(count);
}

}  // namespace winghorn::log
