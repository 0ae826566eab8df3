// request_callable.h: the functions that an application gets with a request.
//
// start_response(status, headers, exc_info=None), the write(data) that it returns,
// wsgi.early_hints(headers), winghorn.client_disconnected(): one type, told apart by what it does.
// Each is bound to a Call;
// detached (when the application kept it past its request) it raises RuntimeError.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/ref.h"
#include "python/wsgi/call.h"

namespace winghorn::wsgi {

bool ready_request_callables(const gil::Gil& gil);

// `write` is what calling start_response returns; it must outlive it.
gil::Ref make_start_response(const gil::Gil& gil, Call* call, PyObject* write);
gil::Ref make_write(const gil::Gil& gil, Call* call);
gil::Ref make_early_hints(const gil::Gil& gil, Call* call);
gil::Ref make_client_disconnected(const gil::Gil& gil, Call* call);
void detach_callable(PyObject* callable);

}  // namespace winghorn::wsgi
