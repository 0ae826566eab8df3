// connection.h: one client's connection, as the loop's owner sees it.
//
// Only data; the loop does the work (loop.h). A connection whose exchange is away in the application
// stays in the table, its socket open, until the exchange has come home, even when the client has gone:
// nobody else may get its descriptor number or its exchange meanwhile.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/fd.h"
#include "core/engine/deadline_list.h"
#include "core/engine/request_clocks.h"
#include "core/http/protocol.h"
#include "core/proxy/proxy_header.h"

namespace winghorn {

enum class ConnectionState : std::uint8_t {
  Open,
  Closing,    // what is unsent goes out, then it closes
  Lingering,  // everything is sent; what still comes is thrown away, so that no reset destroys it
  Broken,     // the client is gone; waits for its exchange to come home
  Departed,   // another worker has it
};

// Which list of deadlines a connection is in.
enum class Waiting : std::uint8_t {
  Nothing,
  FirstByte,  // of a new connection
  Idle,
  Head,
  Body,
  Write,
  Linger,
  Farewell,
  Count,
};

// What the handler of a crash has said to its client (last_words.h); nobody else writes it.
struct LastWord {
  enum class Fate : std::uint8_t { Open, PartedFrom, LeftAlone };

  std::uint64_t sent = 0;       // of what was ready
  std::uint16_t page_sent = 0;  // of the page behind it
  std::uint16_t status = 0;     // of that page; 0: none
  Fate fate = Fate::Open;
};

struct Connection : DeadlineNode {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  Fd socket;
  ConnectionInfo info;
  std::unique_ptr<proxy::HeaderReader> preamble;  // until what may come before `protocol` is read
  std::unique_ptr<Protocol> protocol;
  Exchange* running = nullptr;  // between ready and both home and sent
  RequestClock clock;           // of `running`, until it is home

  ConnectionState state = ConnectionState::Open;
  Waiting waiting = Waiting::Nothing;
  bool registered = false;  // with the poller
  bool readable = true;     // there may be input; cleared by a read that found the end of it
  bool writable = true;     // cleared by a send that was blocked
  bool input_ended = false;
  bool flush_wanted = false;
  bool service_wanted = false;
  bool had_request = false;
  bool is_counted = false;   // among its peer's
  bool broken_hint = false;  // the kernel said reset; known for sure by the next read or send
  bool end_hint = false;  // the kernel said that the input ends; the read that finds it tells when
  bool input_owed = false;    // the client may still send what nobody will read
  bool reset_at_end = false;  // an orderly end would lie
  bool is_kept = false;       // by nothing but an overdue exchange that is away
  bool clock_stale = false;   // something was done: the same clock starts again
  std::uint64_t moved = 0;    // bytes since the clock was armed, in the direction that it watches
  std::uint64_t lingered = 0;
  LastWord last_word;
};

}  // namespace winghorn
