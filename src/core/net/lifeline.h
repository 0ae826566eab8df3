// lifeline.h: the socket pair between the arbiter and one worker, and the words that travel on it.
//
// SOCK_SEQPACKET, so a word is a message and never arrives in halves: one byte each way. Orders go to the
// worker, reports to the arbiter. End-of-file at the worker's end is the arbiter's death; at the arbiter's
// end it is the worker's, or a hint of it (only the reaped exit status counts). Both ends are non-blocking
// and close-on-exec.
// Fork: every child closes the arbiter's ends of all lifelines first, or a sibling would keep them open.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/fd.h"
#include "core/base/result.h"

namespace winghorn {

enum class Order : char {
  Begin = 'B',   // of a worker that was forked from a zygote: the arbiter knows of you
  Retire = 'T',  // finish what runs, begin nothing, go; 503 and close at graceful_timeout
  Stop = 'S',    // likewise, and take what waits at the listeners: the arbiter has closed them
  Quit = 'Q',    // go now
  Reopen = 'U',  // the log files have been renamed: open them again
  Abort = 'A',   // no progress within the timeout: answer, write down what was going on, go
};

enum class Report : char {
  Ready = 'R',    // the application is loaded and the engine accepts
  Recycle = 'C',  // this worker should be replaced: its successor first, then it may be told to go
  Reload = 'H',   // the code has changed: do as on HUP, which a worker may lack the right to send
};

struct Lifeline {
  Fd arbiter_end;
  Fd worker_end;
};

Result<Lifeline> make_lifeline();

// False: the other end is gone, or so far behind that its buffer is full. Never blocks, no SIGPIPE.
bool say_order(int arbiter_end, Order order);
bool say_report(int worker_end, Report report);

enum class Heard : std::uint8_t { Word, Nothing, End };

// Takes the next message without blocking; an unknown byte is handed out as it is.
Heard hear(int end, char& word);

}  // namespace winghorn
