// limits.h: everything that a peer or an application could make grow, and how far it may.
//
// One struct, so that no buffer, queue or wait is without its row. Units are in the names; 0 never
// means "unlimited" here: whoever turns settings into Limits spells it out. What users set is 0 until that
// is done, which lets nothing in: its default stands in the settings' table and nowhere else. The engine
// makes one of it at start; protocols and exchanges keep a reference for their life.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace winghorn {

struct Limits {
  // The request's head (RFC 9112 section 3 and 5; gunicorn's limit_request_* settings).
  std::size_t request_line_bytes = 0;    // without CR LF; beyond: 414
  std::size_t header_fields = 0;         // beyond: 431
  std::size_t header_field_bytes = 0;    // one line with CR LF; beyond: 431
  std::size_t gateway_variables = 1000;  // of one uwsgi packet, fields included; beyond: 431

  // A PROXY header of version 2, behind its first 16 bytes: two addresses take 36, the rest is extensions.
  std::size_t proxy_header_bytes = 4096;

  // The request's body.
  std::uint64_t request_body_bytes = 0;        // beyond: 413
  std::size_t chunk_line_bytes = 4096;         // size and extensions of one chunk (RFC 9112 7.1.1)
  std::uint64_t chunk_overhead_bytes = 16384;  // framing bytes allowed over ten times the data
  std::size_t body_memory_bytes = 0;   // held in memory before a slot is taken; then spilled
  std::uint64_t body_spill_bytes = 0;  // held in the unlinked file; then reading waits
  // Of one connection: at once, and in one turn; then others have theirs. What a client sends behind a
  // request that runs is kept in memory, but not read on: one read's worth at most.
  std::size_t read_bytes = 128 * 1024;
  std::size_t read_bytes_per_turn = 256 * 1024;

  // Of all connections together: bodies read before any of them runs, and replies collected before any of
  // them is sent. More would have left the processor's cache when its turn comes.
  std::size_t batch_bytes = 64 * 1024;

  // The reply: bytes that the application may be ahead of its client.
  std::size_t reply_ahead_bytes = 1024 * 1024;

  // Connections and requests of one worker.
  std::size_t connections = 0;
  std::size_t peer_connections = 0;  // of them from one address; beyond: closed at once
  std::size_t queued_requests = 0;   // that wait for a slot; beyond: 503 with Retry-After

  // Clocks. First byte is that of a new connection. Head is measured over the whole head; body and write are
  // windows in which at least `min_rate_bytes_per_second` must have moved.
  Nanos first_byte = Nanos(0);
  Nanos keepalive = Nanos(0);
  Nanos head = Nanos(0);
  Nanos body = Nanos(0);
  Nanos write = Nanos(0);
  std::uint64_t min_rate_bytes_per_second = 0;

  // A worker that retires: how long an idle connection may still send a request, which is then its last.
  Nanos farewell = Seconds(2);

  // Closing with a request half read: how long, and how much, unless the answer has not arrived yet, is thrown
  // away, so that it is not destroyed by a reset (RFC 9112 9.6).
  Nanos linger = Nanos(0);
  std::uint64_t linger_bytes = 256ULL * 1024;
};

}  // namespace winghorn
