// SPDX-License-Identifier: MIT
#include "core/log/direct_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "core/log/record.h"

namespace winghorn::log {

void DirectWriter::write(LogKind kind, Bytes lines) {
  Sink& sink = outlets_.of(kind);
  std::string& waiting = kept(kind);
  if (flush(kind) && sink.write(lines)) {
    const std::uint64_t lost = sink.take_lost();
    dropped_ += lost;
    if (kind == LogKind::Error) report_failed_ = lost > 0;
    if (kind == LogKind::Error && owes_report()) report_drops();
  } else if (waiting.size() + lines.size() <= kMostKept) {
    waiting += lines;
  } else {
    dropped_ += static_cast<std::uint64_t>(
        std::max<std::ptrdiff_t>(std::count(lines.begin(), lines.end(), '\n'), 1));
  }
}

bool DirectWriter::flush(LogKind kind) {
  Sink& sink = outlets_.of(kind);
  std::string& waiting = kept(kind);
  if (!sink.settle()) return false;
  if (waiting.empty()) return true;
  if (!sink.write(waiting)) return false;
  dropped_ += sink.take_lost();
  waiting.clear();
  return sink.settle();
}

bool DirectWriter::pending() const {
  return !kept_[0].empty() || !kept_[1].empty() || outlets_.errors.unfinished() ||
         outlets_.access.unfinished() || owes_report();
}

bool DirectWriter::flush() {
  const bool errors = flush(LogKind::Error);
  const bool access = flush(LogKind::Access);
  const bool reported = !owes_report() || (errors && report_drops());
  return errors && access && reported;
}

// False: nobody reads just now.
bool DirectWriter::report_drops() {
  const std::string text = fmt::format("{} log lines dropped: nobody took them in time", dropped_);
  if (!outlets_.errors.write(record_of(Level::Warning, text))) return false;
  // A lost report is not another lost line: the number stays owed until something gets through.
  report_failed_ = outlets_.errors.take_lost() > 0;
  if (!report_failed_) dropped_ = 0;
  return true;
}

// What was on its way when its writer died is all of one kind. A line that was cut is
// completed where nobody has written behind it, and else written again.
std::uint64_t DirectWriter::end_of_written(const LogRing& ring) {
  const std::uint64_t begin = ring.begin_position();
  const std::uint64_t end = ring.end_of_doubt();
  std::string batch;
  LogKind kind = LogKind::Error;
  std::vector<std::pair<std::size_t, std::uint64_t>> ends;  // in the batch, and in the ring
  for (std::uint64_t at = begin; at != end;) {
    const auto record = ring.record_at(at, end);
    if (!record) return begin;
    if (!record->done) {
      kind = record->kind;
      batch += record->text;
    }
    at = record->next;
    ends.emplace_back(batch.size(), at);
  }
  if (batch.empty()) return end;
  const WrittenPart part = outlets_.of(kind).written_of(batch, ring.place_of_doubt());
  const auto cut =
      std::ranges::find_if(ends, [&part](const auto& record) { return record.first > part.bytes; });
  if (part.ends_the_file) {
    write(kind, Bytes(batch).substr(part.bytes, cut->first - part.bytes));
    return cut->second;
  }
  return cut == ends.begin() ? begin : std::prev(cut)->second;
}

void DirectWriter::write_out(LogRing& ring) {
  const std::uint64_t end = ring.end_position();
  std::uint64_t at = end_of_written(ring);
  while (at != end) {
    const auto record = ring.record_at(at, end);
    if (!record) {  // the process may have died because it wrote where it should not
      write(LogKind::Error,
            record_of(Level::Warning, "the rest of a dead worker's log cannot be read"));
      break;
    }
    if (!record->done) write(record->kind, record->text);
    at = record->next;
  }
  ring.release_to(end);
  if (const std::uint64_t lost = ring.unreported(); lost > 0) {
    write(LogKind::Error,
          record_of(Level::Warning,
                    fmt::format("{} log lines dropped by a worker that is gone", lost)));
    ring.note_reported(lost);
  }
}

}  // namespace winghorn::log
