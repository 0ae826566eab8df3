// timeout_object.h: winghorn.timeout as a context manager, and TimeoutExpired.
//
//   Timeout(seconds)   what winghorn.timeout is derived from; None or inf: no limit
//   __enter__()        the time begins; 0 seconds are over at once: TimeoutExpired
//   __exit__(...)      it ends; RequestTimeout that was raised for this block becomes TimeoutExpired
//
// One object may be entered many times, by several threads and within itself: each __exit__ is for the
// latest __enter__ of its thread. It belongs to the thread that entered, wherever it is left.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/gil.h"

namespace winghorn::timeouts {

// Adds both to the module. Once for the process. False: a Python error is set.
bool add_timeouts_to(const gil::Gil& gil, PyObject* module);

}  // namespace winghorn::timeouts
