// log_ring.h: finished log lines on their way out, in memory that outlives the process that wrote them.
//
// Lies in a seat's part of the shared mapping; zeroed memory is an empty ring. One producer at a time
// (callers hold a lock of their own process), one consumer: the worker's log thread, and after the
// worker's death the arbiter. A record is there for the consumer when it is whole, or not at all; it
// stays until release_to(), so what a killed worker had not written can still be read. Error lines may use
// the last part of the ring, which access lines may not. The consumer may be looking at memory that
// a crashing process scribbled on: it is told "damaged", never sent outside the ring.
// Here and not in core/log because the scoreboard holds it and core/log fills it.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/bytes.h"

namespace winghorn {

enum class LogKind : std::uint8_t { Error = 1, Access = 2 };

class LogRing;

// One word beside the ring: whether a certain record has been given to it. It is set before the record is
// there for the consumer and names where the record will end, so whoever reads both after the producer has
// been killed between the two stores is told the truth: only the ring's own end decides. Zero: it has not.
class RingMark {
 public:
  void clear() { word_.store(0, std::memory_order_relaxed); }
  // In the ring, taken out of it, or counted as lost.
  bool is_settled_in(const LogRing& ring) const;

 private:
  friend class LogRing;
  void set(std::uint64_t end) { word_.store(end + 1, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> word_{0};
};

class LogRing {
 public:
  static constexpr std::size_t kCapacity = 256 * 1024;
  static constexpr std::size_t kErrorReserve = 32 * 1024;  // of it, for error lines alone
  static constexpr std::size_t kLongestRecord = 16 * 1024;

  LogRing() = default;
  LogRing(const LogRing&) = delete;
  LogRing& operator=(const LogRing&) = delete;

  // Producer. False: no room (or longer than kLongestRecord); its lines are counted as dropped. The mark, if
  // any, lies in the same shared memory.
  bool append(LogKind kind, Bytes record, RingMark* mark = nullptr);

  // Either side.
  std::size_t used() const;
  bool empty() const { return used() == 0; }
  // Lines that were lost on their way in or out and not reported yet.
  std::uint64_t unreported() const;

  // Consumer. Positions only grow; a record's text is valid until release_to() goes past it.
  struct Record {
    LogKind kind;
    bool done;  // already written, out of turn
    Bytes text;
    std::uint64_t next;  // where the record after it begins
  };
  std::uint64_t begin_position() const;
  std::uint64_t end_position() const;
  // nullopt: what stands there is no record.
  std::optional<Record> record_at(std::uint64_t position, std::uint64_t end) const;
  void mark_done(std::uint64_t position);
  void release_to(std::uint64_t position);
  // Around the write of what lies between the ring's begin and `end`: a consumer that dies in between leaves
  // in doubt whether it was written. `place`: from where on to look for it.
  void note_writing(std::uint64_t end, std::uint64_t place = 0) {
    place_.store(place, std::memory_order_relaxed);
    writing_.store(end, std::memory_order_release);
  }
  // How far that goes; begin_position() when nothing is in doubt.
  std::uint64_t end_of_doubt() const;
  std::uint64_t place_of_doubt() const { return place_.load(std::memory_order_relaxed); }
  void count_lost(std::uint64_t lines);
  void note_reported(std::uint64_t lines);

  // Before the next owner; nobody else may be using it.
  void reset();

 private:
  static constexpr std::size_t kLine = 64;
  using Word = std::atomic<std::uint64_t>;

  alignas(kLine) Word head_;  // producer
  Word refused_;              // producer: lines that found no room
  alignas(kLine) Word tail_;  // consumer
  Word writing_;              // consumer
  Word place_;                // consumer
  Word lost_;                 // consumer: lines that could not be written out
  Word reported_;             // consumer
  alignas(4096) char data_[kCapacity];
};

}  // namespace winghorn
