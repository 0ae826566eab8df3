// seat_row.h: what the world may know about one worker, in shared memory.
//
// Each word has one writer; words of different writers lie on different cache lines. Readers take each
// word as it is (relaxed): words of one row need not be from one moment. Times are to_word(Instant), 0 is
// "never". Zeroed memory is a free seat. A row is reset by the arbiter before the seat's next owner.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace winghorn {

// A number that one writer sets and anybody reads.
class Word {
 public:
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

enum class SeatState : std::uint8_t {
  Free,
  Booting,
  Ready,
  Stopped,  // was Ready, and will be when somebody lets it go on
  Retiring,
  Dead,
};

// Clocks that run out, each with its setting.
enum class Expiry : std::uint8_t {
  FirstByte,  // first_byte_timeout
  Head,       // head_timeout
  Body,       // body_timeout
  Write,      // write_timeout
  Idle,       // keepalive
  Linger,     // linger_timeout
  Queue,      // queue_timeout
  Request,    // request_timeout
  Count,
};

using ExpiryCounts = std::array<std::uint64_t, static_cast<std::size_t>(Expiry::Count)>;

struct SignalSender {
  int signal = 0;
  std::uint32_t pid = 0;  // 0: in no namespace that can be seen from here
};

struct SeatRow {
  static constexpr std::uint64_t kTakesAny = ~std::uint64_t{0};

  // The arbiter's.
  struct alignas(64) {
    Word pid;
    Word number;
    Word generation;
    Word spawned_at;
    Word slots;       // so many of its rows are used
    Word state_word;  // use state() and set_state()
  } arbiter;

  // The watchdog thread's.
  struct alignas(64) {
    Word engine_beat;
  } watchdog;

  // Whoever measures progress in this worker class: when the oldest waiting began, 0 when nothing waits.
  struct alignas(64) {
    Word stuck_since;
  } progress;

  // The loop owner's (the role moves between threads, its words move along).
  struct alignas(64) {
    Word free_slots;
    // It would soon begin a request that could run before this moment: any, kTakesAny; none, 0.
    Word takes_before;
    Word busy_slots;
    Word connections;
    Word queued;          // complete requests that wait for a slot
    Word oldest_waiting;  // since when the first of them could run; 0: none waits
    Word requests_done;
    Word requests_refused;  // of them: answered 503, too many waited or too long
    Word handed_over;       // to siblings, before they had begun
    Word taken_in;          // from siblings
    Word listeners_closed_at;
    Word request_rows;  // so many of them were ever used
    Word rowless;       // requests that have found none free
  } engine;

  // Likewise, and seldom written.
  struct alignas(64) {
    std::array<Word, static_cast<std::size_t>(Expiry::Count)> expired;
    Word peers_refused;  // connections of addresses that had too many
  } clocks;

  // The main thread's signal handlers'.
  struct alignas(64) {
    Word last_signal;  // from anybody but the arbiter; use last_signal() and note_signal()
  } signals;

  SeatState state() const { return static_cast<SeatState>(arbiter.state_word.get()); }
  void set_state(SeatState state) { arbiter.state_word.set(static_cast<std::uint64_t>(state)); }

  std::optional<SignalSender> last_signal() const;
  // Async-signal-safe.
  void note_signal(SignalSender sender);

  void reset();
};

}  // namespace winghorn
