// input.h: wsgi.input, the request's body as a file.
//
// read([size]), readline([size]), readlines([hint]), iteration by line, close() (does nothing).
// None and negative sizes mean all; a size that is no integer is a TypeError. A read waits, without
// the interpreter lock, until it has all it asked for or the body has ended; a body that ends
// before its time raises what exceptions.h says. After its request a kept input raises ValueError.
// Readable from other threads too, with a little delay where they must wait.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/ref.h"
#include "python/wsgi/call.h"

namespace winghorn::wsgi {

bool ready_input(const gil::Gil& gil);

// Of a request with a body.
gil::Ref make_input(const gil::Gil& gil, Call* call);
// Of all requests without one: it is always at its end.
gil::Ref make_empty_input(const gil::Gil& gil);

// Begins again for the next request, when nobody else has a reference.
void rewind_input(PyObject* input, Call* call);
void detach_input(PyObject* input);

}  // namespace winghorn::wsgi
