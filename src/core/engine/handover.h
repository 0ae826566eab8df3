// handover.h: passes a connection, with the request that waits on it, to whichever worker is free first.
//
// All workers share one channel (core/net/fd_channel.h), which the arbiter made before it forked any: no
// message is meant for one of them, so none can be stuck with one that is stopped, busy or dead.
//
//   step                                             who has the request afterwards
//   S1  the owner takes it out of its queue          the sender: no slot can begin it
//   S2  its socket leaves the poller                 the sender
//   S3  the message is sent                          the channel, and nobody
//   S3' it is refused                                the sender: back to the poller and the front of the queue
//   S4  the sender forgets it, closes its descriptor the channel
//   R1  a worker takes the message                   the receiver
//   R2  it is a connection and a request there       the receiver
//   R3  it is queued or run, or handed over again    the receiver's slot
//
// A worker that is killed loses what it has and nothing else: before S3 and from R1 on the request and its
// connection, as any other of its own; between them it loses nothing, because the kernel keeps the socket open
// for the message. Nothing runs twice: one that has been sent is not in the sender's queue (S1 before S3),
// and the sender never looks at it again. Killed between S3 and S4, the sender leaves a request row behind, and
// so perhaps a second access line.
//
// What travels: both ends of the connection as text, the head, what is there of the body (all of it), what the
// client has sent behind it, and since when the request could run. The receiver parses the head again. Up to
// 16 KiB lie in the message, more in the file that holds the body or in one made of memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/http/head.h"
#include "core/http/protocol.h"
#include "core/net/fd_channel.h"

namespace winghorn {

struct Departure {
  const ConnectionInfo& ends;
  int socket = -1;
  Instant ready;
  UnbegunRequest request;
};

// False: it has not left; errno says why.
bool send_request(const FdChannel& channel, const Departure& departure);

struct Arrival {
  Fd socket;
  ConnectionInfo ends;  // without what the receiver must judge by itself
  Instant ready;
  UnbegunRequest request;  // valid until the next receive_request()
  Fd body_file;
  std::string kept;  // bytes that `request` points into
};

// Message: `into` has it. Lost: one came, and cannot be used.
FdChannel::Received receive_request(FdChannel& channel, Arrival& into);

}  // namespace winghorn
