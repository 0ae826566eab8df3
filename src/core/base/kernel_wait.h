// kernel_wait.h: what a thread of this process waits in, by the name of a system call.
//
// It tells waiting in C code apart, where a stack of the interpreter shows the same line: for a lock
// (futex), a peer (recvfrom), a disk (fsync), a clock (clock_nanosleep). A glance: when it is read, the thread
// may be elsewhere. Nothing is stopped for it.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace winghorn {

// nullopt: the thread runs or is gone, or the kernel does not tell (a sandbox, or one built without it).
// "system call 425" stands for one without a name here.
std::optional<std::string> waits_in(pid_t thread);

}  // namespace winghorn
