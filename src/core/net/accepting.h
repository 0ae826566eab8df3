// accepting.h: takes one connection from a listening socket, with both its ends as text.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "core/base/fd.h"

namespace winghorn {

struct Accepted {
  Fd socket;  // non-blocking, close-on-exec
  std::string peer_address;
  std::string peer_port;
  bool is_unix = false;
};

enum class AcceptOutcome : std::uint8_t {
  Taken,
  NoneWaiting,
  TryAgain,       // that one was gone again (RFC: reset in the queue), there may be others
  OutOfResource,  // no descriptor or memory left: pause accepting
};

AcceptOutcome accept_one(int listener, Accepted& into);

// New connections are not begun at this TCP listener any more: their clients try again soon, when it may
// be another's turn. Those that are half made go on. For a listener that is about to be closed.
void hold_newcomers(int listener);

struct LocalEnd {
  std::string address;  // a path for a unix socket
  std::string port;     // empty for a unix socket
};

// Of a listener or of an accepted socket.
LocalEnd local_end(int socket);

}  // namespace winghorn
