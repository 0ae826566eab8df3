// stream.h: bytes in and out of a non-blocking stream socket.
//
// Each call is one system call (repeated on EINTR) and says how it went; nothing is buffered here and
// nobody is closed. SIGPIPE never comes of it.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace winghorn {

enum class Flow : std::uint8_t {
  Moved,    // `bytes` of them
  Blocked,  // nothing now; wait for readiness
  Ended,    // the peer sends no more
  Broken,   // the connection is gone
};

struct Transfer {
  Flow flow = Flow::Blocked;
  std::size_t bytes = 0;
};

// All are async-signal-safe.
Transfer receive(int socket, std::span<char> into);
Transfer transmit(int socket, std::span<const iovec> from);
// At most `length` bytes of a file from `offset`. Ended: the file is shorter than that.
Transfer transmit_file(int socket, int file, std::uint64_t offset, std::uint64_t length);

// The peer's kernel has all that was sent.
bool has_arrived(int socket);

// The close that follows will be a reset; `now`: it is one at once, other processes may hold the socket too.
void make_reset(int socket, bool now);

}  // namespace winghorn
