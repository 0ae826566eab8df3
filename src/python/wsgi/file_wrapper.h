// file_wrapper.h: wsgi.file_wrapper, a file as the body of a response.
//
// file_wrapper(filelike, blksize=8192) iterates over blocks of filelike.read(blksize), and has
// close() if and only if the file has. Returned as it is from an application, it may be sent by the
// kernel instead: sendable_file() says from where to where. It trusts only Python's own plain files
// (io.FileIO, io.BufferedReader and BufferedRandom over one, and wrappers that keep one in
// `.file`): others, such as gzip.GzipFile, have a fileno() too, but reading them is not reading
// that descriptor.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "core/http/reply.h"
#include "python/gil/ref.h"

namespace winghorn::wsgi {

bool ready_file_wrapper(const gil::Gil& gil);
PyObject* file_wrapper_type();  // borrowed; what environ["wsgi.file_wrapper"] holds

bool is_file_wrapper(PyObject* object);

// What is left of the wrapped file, from its current position, with a descriptor of its own.
// Nothing when it must be read instead; leaves no Python error set.
std::optional<FilePart> sendable_file(const gil::Gil& gil, PyObject* file_wrapper);

}  // namespace winghorn::wsgi
