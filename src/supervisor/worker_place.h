// worker_place.h: all that a forked worker inherits from the arbiter.
//
// Every other descriptor of the arbiter's is closed before the worker's code runs; signal handlers are the
// default ones again and no signal is blocked. The worker owns its end of the lifeline. The listeners are
// those of its generation; they are shared with siblings, so the worker closes them but never removes
// their files.
// What the arbiter expects of a worker:
//   - it says Report::Ready once, when the application is loaded and the engine accepts; until then SIGTERM
//     and SIGINT must end it at once (orders are not yet read) and `timeout` does not apply;
//   - from then on it reads orders from the lifeline and keeps its row's heartbeat words; engine_beat at
//     least every half of `timeout`, parked or not: a stopped process is known by its silence alone;
//   - on Order::Abort, or SIGABRT in its stead, it has one second to answer its clients, write its record
//     and go;
//   - it returns its exit code: 3 the worker failed to boot, 4 the application failed to load.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/fd.h"
#include "core/net/fd_channel.h"
#include "core/net/listener.h"

namespace winghorn {
class Scoreboard;
}

namespace winghorn::supervisor {

inline constexpr int kWorkerFailedToBoot = 3;
inline constexpr int kAppFailedToLoad = 4;

struct WorkerPlace {
  unsigned seat = 0;    // its rows on the scoreboard, from fork to reap
  unsigned number = 0;  // its name: 1 .. workers; old and new number 3 may live side by side
  std::uint32_t generation = 0;  // of settings and code; 1 is the first
  Fd lifeline;                   // the worker's end
  std::vector<Listener>& listeners;
  FdChannel
      siblings;  // for requests that wait while another worker is free; none when it could not be made
  Scoreboard& board;
  pid_t arbiter = 0;
};

// In the child, before anything that may take long: until say_ready() nobody reads the lifeline, so the
// kernel ends this process when the arbiter dies. That signal belongs to the calling thread and to the one
// that forked, both the main thread of their process. It was chosen over a thread that reads the lifeline
// meanwhile: the import would no longer run in a process with one thread, which applications that fork
// then rely on (where Python's logging is used they have the log's beside them). SIGKILL, because an application can take any other over.
void end_with_arbiter(pid_t arbiter);

// What a worker says over its lifeline when it serves: Report::Ready. On the main thread; from here on the
// end of the lifeline is the arbiter's death, and running requests are given their second.
void say_ready(int lifeline);

// Have the arbiter reload as by HUP, which a worker of another user may not send. False: it cannot be told.
bool ask_for_reload(int lifeline);

// Runs in the child and returns the exit code; the child then leaves by _exit.
using WorkerMain = std::function<int(WorkerPlace&)>;

}  // namespace winghorn::supervisor
