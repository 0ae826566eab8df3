// knock.h: the one way to interrupt Python on the main thread, from any thread and without the lock.
//
// A real-time signal whose handler in Python's signal module is a C function. It runs on the main thread
// with the lock held, as soon as the interpreter looks for signals: between two bytecodes, or because
// the signal has cut a blocking system call short. C code that looks for no signals comes to its end first.
// A knock that comes just before such a call blocks is lost: who waits for an answer knocks again.
// In a child that the application forked the thread that forked is the main thread.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/gil.h"

namespace winghorn::gil {

// What the main thread does whenever there was a knock. False: a Python error is set, and is raised there.
using Errand = bool (*)(const Gil&);

// Main thread, lock held; a second time does nothing. False: a Python error is set.
bool install_knock(const Gil& gil);
// Lock held. Errands run in the order in which they were added; one is added once.
void on_knock(const Gil& gil, Errand errand);
// Any thread, no lock; never waits. Nothing happens before install_knock().
void knock() noexcept;

// Whether the calling thread is Python's main thread.
bool on_main_thread(const Gil& gil);

}  // namespace winghorn::gil
