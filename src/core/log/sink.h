// sink.h: one place where log lines go, and how to write there without being held up.
//
// write() takes whole lines and either takes care of all of them (written, or lost and counted) or of none
// (busy: nobody reads the pipe). What the kernel took only in part is finished by the next write() or by
// settle(), so a line is never torn by us. The descriptor of a standard stream is never changed: it is
// shared with the shell; where possible the same pipe is opened a second time, non-blocking.
// One thread at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log_ring.h"
#include "core/base/result.h"
#include "core/log/receiver.h"
#include "core/log/written_part.h"

namespace winghorn::log {

class Sink {
 public:
  Sink() = default;  // off: takes everything, writes nothing
  static Sink standard(int descriptor);
  static Result<Sink> file(const std::string& path, std::optional<uid_t> wary_of = std::nullopt);
  static Sink to(std::shared_ptr<const Receiver> receiver, LogKind kind);
  // For a forked process: takes the place over, without the other's unfinished business.
  Sink inherit();

  bool on() const { return fd_ >= 0 || receiver_ != nullptr; }
  bool has_receiver() const { return receiver_ != nullptr; }
  bool write(Bytes lines);
  bool settle();  // false: there is still something unfinished
  bool unfinished() const { return !rest_.empty(); }
  bool wait_for_room(Millis patience) const;
  // The most that is worth collecting for one write().
  std::size_t batch_bytes() const { return batch_bytes_; }
  bool same_place_as(const Sink& other) const;
  // Where a file ends now; 0 for anything else.
  std::uint64_t place() const;
  // How much of these lines, which a process that is gone had begun to write here when the file ended at
  // `place`, has been written. A pipe cannot be looked at, but takes what it takes at once: there it is all.
  WrittenPart written_of(Bytes lines, std::uint64_t place) const;
  // Lines lost since this was last asked.
  std::uint64_t take_lost();

  // Opens the path again; a standard stream is only looked at again.
  Status reopen();

 private:
  enum class Way : std::uint8_t {
    Plain,    // write(2): a regular file, or a descriptor of ours that does not block
    Socket,   // send(2) can be told not to wait
    NoWait,   // pwritev2(2) can be told not to wait
    AskFirst  // poll(2), then write(2): may wait if others write to the same pipe
  };

  void choose_way();
  void open_again_without_waiting();
  ssize_t attempt(Bytes bytes);
  ssize_t attempt_no_wait(Bytes bytes);
  Bytes next_piece(Bytes left) const;
  std::size_t push(Bytes lines, bool& failed);
  void lose(Bytes lines);

  Fd owned_;
  int fd_ = -1;                   // what is written to
  int standard_ = -1;             // of a standard stream
  std::string path_;              // of a file
  std::optional<uid_t> wary_of_;  // as open_log_file() has it
  std::shared_ptr<const Receiver> receiver_;
  LogKind kind_ = LogKind::Error;  // that the receiver is told
  Way way_ = Way::Plain;
  std::size_t batch_bytes_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string rest_;       // taken, not written yet
  bool mid_line_ = false;  // the last byte written was not a newline
  bool torn_ = false;      // and a failure took the rest of that line
  std::uint64_t lost_ = 0;
};

}  // namespace winghorn::log
