// result.h: what the application returned, on its way to the client.
//
// An iterable of bytes goes out item by item, each as soon as it is there; a list of one item, and
// a file that the kernel can send, in one step. False: a Python error is set (the application's, or
// about it). Ends early, without an error, when the client is gone. close() is not called here.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/wsgi/call.h"

namespace winghorn::wsgi {

bool send_result(const gil::Gil& gil, Call& call, PyObject* result);

// Calls result.close() if there is one; the reply has ended by then.
void close_result(const gil::Gil& gil, Call& call, PyObject* result);

}  // namespace winghorn::wsgi
