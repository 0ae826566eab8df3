// request_row.h: one request that a worker has read and is not done with, in shared memory.
//
// One writer, whoever runs the worker's loop. A row is held from the moment that the request's head is
// complete until its exchange is given back; its id, 0 in a free row, is the first word to go and the last to
// come, so that a row with an id is whole, also when its writer was killed while it wrote. Readers in any
// process get the words of the request that they ask for, or nothing. What is longer than its field is cut
// and read back with "..." behind it. Zeroed memory is a free row.
//
// An access line is owed for a row that is held, until its mark says that the log's ring has it.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/log_ring.h"

namespace winghorn {

// The index of a request that has found no free row.
inline constexpr std::uint32_t kNoRequestRow = ~std::uint32_t{0};

struct RequestSnapshot {
  std::uint64_t id = 0;
  Instant since;  // its head was complete, or its body too where that was waited for
  std::string method;
  std::string target;
  std::string version;
  std::string peer;
  int reply_status = 0;           // 0: none of the reply has gone out
  std::uint64_t reply_bytes = 0;  // of its body, sent
};

class alignas(64) RequestRow {
 public:
  struct Texts {
    Bytes method;
    Bytes target;
    Bytes version;
    Bytes peer;
  };

  // The loop's owner. A row that is held is freed first. `id` is never 0 and never comes again in this seat.
  void hold(std::uint64_t id, const Texts& texts, Instant since);
  void set_since(Instant since) { since_.store(to_word(since), std::memory_order_relaxed); }
  void note_reply(int status, std::uint64_t body_bytes);
  RingMark& line_mark() { return line_; }
  void free() { id_.store(0, std::memory_order_relaxed); }

  // Anybody. nullopt: that request is over.
  std::optional<RequestSnapshot> read(std::uint64_t id) const;

  // When the writer is dead. nullopt: nobody held it.
  std::optional<RequestSnapshot> read_dead() const;
  bool is_line_owed(const LogRing& ring) const;

  // The arbiter, before the seat's next owner.
  void reset();

 private:
  using Cell = std::atomic<std::uint64_t>;
  template <std::size_t Bytes_>
  using Text = std::array<Cell, Bytes_ / 8>;

  struct Copied;
  void copy_words(Copied& into) const;
  static RequestSnapshot spell(const Copied& words);

  Cell id_;
  Cell since_;
  Cell lengths_;  // method | version << 12 | peer << 16 | target << 32, uncut
  Cell reply_;    // status << 48 | body bytes
  RingMark line_;
  Text<8> version_;
  Text<16> method_;
  Text<64> peer_;
  Text<384> target_;
};

}  // namespace winghorn
