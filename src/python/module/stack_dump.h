// stack_dump.h: where every Python thread of this process stands.
//
// Two ways. With the interpreter lock: the main thread, knocked at, has faulthandler write the stacks; cheap,
// and never where C code keeps the lock. Without it: walking the interpreter's structures beside running
// threads crashes sooner or later, so faulthandler does it in a snapshot child, a copy of the process in which
// nothing else runs; costs a millisecond, more with much memory.
// One StackDump a process.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "core/base/fd.h"
#include "python/gil/gil.h"

namespace winghorn {

class StackDump {
 public:
  // Asks faulthandler to answer our signal. False, with a Python error set, when it cannot.
  bool prepare(const gil::Gil& gil);

  ~StackDump();

  // Any thread, one at a time; needs no lock. Empty when it cannot be had, with a line in the log.
  std::string take();

  // The main thread takes them as soon as it can; asked() has them then.
  void ask();
  std::optional<std::string> asked();

 private:
  static bool take_with_lock(const gil::Gil& gil);
  std::string read_file() const;

  std::atomic<bool> wanted_{false};
  std::atomic<bool> taken_{false};
  Fd file_;  // in memory; faulthandler writes into it
  Fd read_end_;
  Fd write_end_;
};

}  // namespace winghorn
