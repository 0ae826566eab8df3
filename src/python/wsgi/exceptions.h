// exceptions.h: what Winghorn raises inside an application, as classes that it can catch by name.
//
//   ClientDisconnected(OSError)          the client went away: reading its body, writing to it
//   BadRequestBody(ValueError)           the body's framing broke; escaping unanswered it is a 400
//   RequestBodyTimeout(TimeoutError)     the body came too slowly; becomes a 408
//   RequestBodyTooLarge(ValueError)      the body is longer than limit_request_body; becomes a 413
//   RequestBodyNotStored(OSError)        there was no room to keep the body; becomes a 507
//   InvalidResponseHeader(ValueError)    a value that cannot be sent
//   InvalidResponseHeaderName(InvalidResponseHeader)
//
// They live as long as the interpreter and call themselves winghorn.exceptions.*.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/http/body_pipe.h"
#include "python/gil/gil.h"

namespace winghorn::wsgi {

struct Exceptions {
  PyObject* client_disconnected = nullptr;
  PyObject* bad_request_body = nullptr;
  PyObject* request_body_timeout = nullptr;
  PyObject* request_body_too_large = nullptr;
  PyObject* request_body_not_stored = nullptr;
  PyObject* invalid_response_header = nullptr;
  PyObject* invalid_response_header_name = nullptr;
};

extern Exceptions exceptions;

bool make_exception_classes(const gil::Gil& gil);
bool add_exceptions_to(const gil::Gil& gil, PyObject* module);

// Sets the exception that tells why a body in this state has no more bytes to give.
[[gnu::cold]] void raise_body_end(const gil::Gil& gil, BodyState state, Bytes fault);

}  // namespace winghorn::wsgi
