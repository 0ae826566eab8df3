// deadline_object.h: environ["winghorn.deadline"]: how long a request still has, and a way to ask for more.
//
//   remaining()      seconds until the client is answered without the application; inf without a deadline
//   extend(seconds)  moves it, by what request_timeout_extension lets; returns by how many seconds
//   expired          whether it has passed
//
// Bound to a Call; kept past its request it raises RuntimeError.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/ref.h"
#include "python/wsgi/call.h"

namespace winghorn::wsgi {

bool ready_deadline_object(const gil::Gil& gil);
gil::Ref make_deadline_object(const gil::Gil& gil, Call* call);
void detach_deadline_object(PyObject* deadline);

}  // namespace winghorn::wsgi
