// in_child.h: a claim about what cannot be undone in a process.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace winghorn {

// Whether it is true in a forked process, which ends with it.
inline bool holds_in_child(const std::function<bool()>& claim) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(claim() ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace winghorn
