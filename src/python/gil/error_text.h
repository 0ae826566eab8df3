// error_text.h: a Python exception as text for a log.
//
// Cold: only errors pay for it. Never fails and leaves no Python error set; when Python itself
// cannot format the exception, its type's name must do.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/bytes.h"
#include "python/gil/gil.h"

namespace winghorn::gil {

// The traceback as Python prints it, causes and contexts included, without the last newline.
[[gnu::cold]] std::string traceback_text(const Gil& gil, PyObject* exception);

// str(object) in UTF-8; what has no UTF-8 (lone surrogates) as backslash escapes.
[[gnu::cold]] std::string text_of(const Gil& gil, PyObject* object);
// The same of a str; false when `text` is none.
bool append_utf8(const Gil& gil, PyObject* text, std::string& to);

// Sets an exception of `type` with a latin-1 text, so that bytes from the wire can be in it.
[[gnu::cold]] void set_error_text(const Gil& gil, PyObject* type, Bytes text);

}  // namespace winghorn::gil
