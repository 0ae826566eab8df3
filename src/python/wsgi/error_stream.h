// error_stream.h: wsgi.errors, a text stream into the server's error log.
//
// write(str), writelines(lines), flush(); nothing is held back here, the log may wait for the end of a line
// until flush() or the end of the request. One object serves all requests of a worker; after
// detach_error_stream() what is written vanishes.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/ref.h"

namespace winghorn::wsgi {

struct Reports;

bool ready_error_stream(const gil::Gil& gil);
gil::Ref make_error_stream(const gil::Gil& gil, const Reports* reports);
void detach_error_stream(PyObject* stream);

}  // namespace winghorn::wsgi
