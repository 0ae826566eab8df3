// SPDX-License-Identifier: MIT
#include "python/wsgi/exceptions.h"

#include <array>
#include <string>

#include "python/gil/error_text.h"
#include "python/gil/interrupts.h"

namespace winghorn::wsgi {

Exceptions exceptions;

namespace {

struct Row {
  PyObject* Exceptions::* place;
  const char* name;
  const char* doc;
  PyObject* (*base)();
};

constexpr std::array<Row, 7> kRows{{
    {&Exceptions::client_disconnected, "ClientDisconnected",
     "The client went away before the request or its answer was whole.",
     [] { return PyExc_OSError; }},
    {&Exceptions::bad_request_body, "BadRequestBody",
     "The framing of the request's body is broken.", [] { return PyExc_ValueError; }},
    {&Exceptions::request_body_timeout, "RequestBodyTimeout", "The request's body came too slowly.",
     [] { return PyExc_TimeoutError; }},
    {&Exceptions::request_body_too_large, "RequestBodyTooLarge",
     "The request's body is longer than the setting limit_request_body allows.",
     [] { return PyExc_ValueError; }},
    {&Exceptions::request_body_not_stored, "RequestBodyNotStored",
     "The server had no room to keep the request's body.", [] { return PyExc_OSError; }},
    {&Exceptions::invalid_response_header, "InvalidResponseHeader",
     "A response header has a value that cannot be sent.", [] { return PyExc_ValueError; }},
    {&Exceptions::invalid_response_header_name, "InvalidResponseHeaderName",
     "A response header has a name that cannot be sent.",
     [] { return exceptions.invalid_response_header; }},
}};

}  // namespace

bool make_exception_classes(const gil::Gil&) {
  for (const Row& row : kRows) {
    if (exceptions.*row.place != nullptr) continue;
    const std::string name = std::string("winghorn.exceptions.") + row.name;
    exceptions.*row.place = PyErr_NewExceptionWithDoc(name.c_str(), row.doc, row.base(), nullptr);
    if (exceptions.*row.place == nullptr) return false;
  }
  return true;
}

bool add_exceptions_to(const gil::Gil&, PyObject* module) {
  for (const Row& row : kRows) {
    if (PyModule_AddObjectRef(module, row.name, exceptions.*row.place) < 0) return false;
  }
  return PyModule_AddObjectRef(module, "RequestTimeout", gil::request_timeout_class()) == 0;
}

void raise_body_end(const gil::Gil& gil, BodyState state, Bytes fault) {
  switch (state) {
    case BodyState::Open:
    case BodyState::Complete:
    case BodyState::Truncated:
      gil::set_error_text(gil, exceptions.client_disconnected,
                          "the client went away before it had sent the whole body");
      return;
    case BodyState::Malformed:
      gil::set_error_text(gil, exceptions.bad_request_body, fault);
      return;
    case BodyState::TooSlow:
      gil::set_error_text(gil, exceptions.request_body_timeout,
                          "the request's body came too slowly");
      return;
    case BodyState::TooLarge:
      gil::set_error_text(gil, exceptions.request_body_too_large, fault);
      return;
    case BodyState::Overdue:
      gil::set_error_text(gil, gil::request_timeout_class(), fault);
      return;
    case BodyState::NoSpace:
      gil::set_error_text(gil, exceptions.request_body_not_stored,
                          fault.empty() ? Bytes("no room to keep the request's body") : fault);
      return;
  }
}

}  // namespace winghorn::wsgi
