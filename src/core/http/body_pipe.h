// body_pipe.h: the request's body on its way from the loop's owner to a slot.
//
// One thread puts (the owner), the slot's side takes; a short mutex between them, under which nothing is
// read from or written to a file: a slow disk keeps the one that uses it and not the other. Bytes lie in
// memory up to Limits::body_memory_bytes, those that follow in an unlinked file up to
// Limits::body_spill_bytes; when both are full, room() is 0 and the owner stops reading its socket until
// the slot has emptied it. The file is made when it is first needed and given back by release() or
// reset().
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/http/limits.h"

namespace winghorn {

enum class BodyState : std::uint8_t {
  Open,       // more may come
  Complete,   // all of it has been put
  Truncated,  // the client went away before its end
  Malformed,  // its framing broke; fault() says how
  TooSlow,    // the body clock ran out
  TooLarge,   // longer than Limits::request_body_bytes
  NoSpace,    // the machine had no room to keep it
  Overdue,    // the request's deadline has passed: nobody waits for its answer any more
};

// Where spill files are made. Directories are tried in order: O_TMPFILE, then a memfd of bounded size.
struct SpillPlace {
  std::string directory;  // worker_tmp_dir, else the temporary folder
  // The disk; a test has one of its own.
  ssize_t (*write)(int file, const void* from, std::size_t count, off_t at) = ::pwrite;
  ssize_t (*read)(int file, void* into, std::size_t count, off_t at) = ::pread;
};

class BodyPipe {
 public:
  void reset(const Limits& limits, const SpillPlace& place);
  // Over: gives the file back, and memory that is more than worth keeping. reset() comes next.
  void release();

  // The owner's side.
  std::uint64_t room() const;  // how many bytes put() takes now
  Status put(Bytes bytes);     // at most room(); fails when the spill file does
  // So much comes now and soon: memory grows in one step, but not for more than is cheap to promise.
  void expect(std::uint64_t bytes);
  void end(BodyState state, std::string fault = {});  // Open is not an end
  bool full() const { return room() == 0; }
  // All that is there, while the slot's side has taken nothing and the owner does nothing to it.
  struct Content {
    Bytes memory;               // comes first
    int file = -1;              // then, if there is one, its first bytes
    std::uint64_t in_file = 0;  // so many
  };
  Content content() const { return {memory_, file_.get(), file_size_}; }
  // Instead of put(): a whole body from elsewhere, and its end.
  void fill(Bytes memory, Fd file, std::uint64_t in_file);

  // The slot's side.
  std::size_t take(char* into, std::size_t most);  // 0: nothing there now; look at state()
  std::uint64_t available() const;
  bool was_full();  // after take(): true once when put() had filled it, so the owner wants to know

  // Either side.
  BodyState state() const { return state_.load(std::memory_order_acquire); }
  std::string fault() const;
  std::uint64_t received() const;  // bytes put so far

 private:
  struct Stretch {  // of the file
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };

  std::uint64_t room_locked() const;
  Bytes keep_in_memory(Bytes bytes);
  Status spill(Bytes bytes);
  Status open_file(std::uint64_t least);
  std::size_t take_from_file(char* into, std::size_t most, const Stretch& there);

  const Limits* limits_ = nullptr;
  const SpillPlace* place_ = nullptr;
  std::mutex takers_;  // an application may read in several threads; the owner never takes it
  mutable std::mutex mutex_;
  std::string memory_;
  std::size_t memory_taken_ = 0;
  // Bytes up to file_size_ are written and do not change; the owner writes behind them, the slot reads
  // between file_taken_ and file_size_, both without the mutex.
  Fd file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t file_taken_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t spill_limit_ = 0;  // Limits::body_spill_bytes, or less when the file is memory
  std::string fault_;
  std::atomic<BodyState> state_{BodyState::Complete};
  bool filled_ = false;  // since the last was_full()
};

}  // namespace winghorn
