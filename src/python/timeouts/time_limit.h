// time_limit.h: a stretch of Python code that is interrupted when its time is over.
//
// A gil::Block with an alarm. One clock for the process (core/base/alarm_clock.h) interrupts what is due,
// on its own thread and with the lock, and again every few milliseconds until the interruption has arrived:
// on the main thread one in some thousands is lost. Nothing arrives after end().
// In a forked child the limits of the thread that forked go on; those of other threads are gone.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/alarm_clock.h"
#include "python/gil/interrupts.h"

namespace winghorn::timeouts {

// Lies where it is until end(). All functions need the lock.
class TimeLimit : private Alarm {
 public:
  // On the thread that is to be interrupted. False: a Python error is set.
  bool begin(const gil::Gil& gil, double seconds);
  // Any thread. True: the code was interrupted, and for no limit or request around this one.
  bool end(const gil::Gil& gil);

  // What the clock calls.
  static void interrupt_due();

 private:
  void interrupt(const gil::Gil& gil);

  double seconds_ = 0;
  gil::Block block_;
};

// "the block has taken longer than 0.5 s (winghorn.timeout)"
std::string reason_of(double seconds);

// Once for the process, before the first limit: what the clock needs at forks and at the interpreter's end.
// False: a Python error is set.
bool watch_forks_and_exit(const gil::Gil& gil);

}  // namespace winghorn::timeouts
