// types.h: the Python types of this folder, as the extension module sees them.
//
// set_up() once for the interpreter, before anything else here; it may be called again.
// make_exceptions() adds the public exception classes to a module, under the names that
// winghorn.exceptions exports. Both need the interpreter lock; on failure they leave a Python error
// set.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/gil.h"

namespace winghorn::wsgi {

bool set_up(const gil::Gil& gil);
// Returns `module` (borrowed), or null.
PyObject* make_exceptions(const gil::Gil& gil, PyObject* module);

}  // namespace winghorn::wsgi
