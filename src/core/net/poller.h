// poller.h: one wait for many descriptors.
//
// Level-triggered unless asked otherwise; tokens are the caller's and come back as they were given, so a
// token must not be a pointer to something that may be gone by then. Used by one thread at a time; wait()
// may be called by another thread than the one that added (the loop changes hands).
// After fork() make a new one: the kernel's set is shared with the parent and would take its events.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/result.h"

namespace winghorn {

struct Ready {
  std::uint64_t token = 0;
  bool readable = false;  // bytes, a connection, or the end of input
  bool writable = false;
  bool ended = false;   // the peer sends no more; what it sent may still be there to read
  bool broken = false;  // reset, or both directions closed
};

enum class Interest : std::uint8_t {
  Nothing,   // stays known, says only that it broke
  Read,      // level-triggered
  EdgeRead,  // once for each change
  EdgeBoth,  // reading and writing, once for each change
};

class Poller {
 public:
  static Result<Poller> create();

  Status add(int fd, std::uint64_t token, Interest interest);
  Status change(int fd, std::uint64_t token, Interest interest);
  void remove(int fd);

  // How many of `into` were filled; 0 when patience ran out; -1 when a signal handler ran instead.
  // A negative patience waits for ever.
  int wait(std::span<Ready> into, Millis patience);

  void close() { epoll_.reset(); }
  int fd() const { return epoll_.get(); }

 private:
  explicit Poller(Fd epoll) : epoll_(std::move(epoll)) {}

  Fd epoll_;
};

}  // namespace winghorn
