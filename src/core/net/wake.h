// wake.h: a descriptor that becomes readable when any thread or signal handler says so.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/fd.h"
#include "core/base/result.h"

namespace winghorn {

// An eventfd. wake() is async-signal-safe and never blocks; wakes add up to one.
class WakeSignal {
 public:
  static Result<WakeSignal> create();

  void wake() const;
  void clear() const;
  int fd() const { return fd_.get(); }

 private:
  explicit WakeSignal(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace winghorn
