// SPDX-License-Identifier: MIT
#include "supervisor/worker_place.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/net/lifeline.h"

namespace winghorn::supervisor {

void end_with_arbiter(pid_t arbiter) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have died before that.
  if (::getppid() != arbiter) ::_exit(0);
}

void say_ready(int lifeline) {
  ::prctl(PR_SET_PDEATHSIG, 0);
  say_report(lifeline, Report::Ready);
}

bool ask_for_reload(int lifeline) { return say_report(lifeline, Report::Reload); }

}  // namespace winghorn::supervisor
