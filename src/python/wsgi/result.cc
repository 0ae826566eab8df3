// SPDX-License-Identifier: MIT
#include "python/wsgi/result.h"

#include <algorithm>

#include "python/gil/compat.h"
#include "python/gil/names.h"
#include "python/wsgi/application.h"
#include "python/wsgi/failure.h"
#include "python/wsgi/file_wrapper.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;

Bytes bytes_of(PyObject* item) {
  return {PyBytes_AS_STRING(item), static_cast<std::size_t>(PyBytes_GET_SIZE(item))};
}

[[gnu::cold]] bool wrong_result(PyObject* result) {
  PyErr_Clear();
  PyErr_Format(PyExc_TypeError, "application returned %.200s, expected an iterable of bytes",
               Py_TYPE(result)->tp_name);
  return false;
}

[[gnu::cold]] bool wrong_item(PyObject* item) {
  PyErr_Format(PyExc_TypeError, "application yielded %.200s, expected bytes",
               Py_TYPE(item)->tp_name);
  return false;
}

[[gnu::cold]] bool never_started() {
  PyErr_SetString(PyExc_AssertionError, "the application did not call start_response()");
  return false;
}

// The one item of a list or tuple that has no other, or null.
PyObject* only_item(PyObject* result) {
  if (PyList_CheckExact(result))
    return PyList_GET_SIZE(result) == 1 ? PyList_GET_ITEM(result, 0) : nullptr;
  if (PyTuple_CheckExact(result)) {
    return PyTuple_GET_SIZE(result) == 1 ? PyTuple_GET_ITEM(result, 0) : nullptr;
  }
  return nullptr;
}

bool end_reply(const Gil& gil, Call& call) {
  if (call.head_state() == HeadState::Missing && !call.gone()) return never_started();
  call.finish(gil);
  return true;
}

// These can be iterated over, but never as what the application meant.
bool is_no_body(PyObject* result) { return PyUnicode_Check(result) || PyBytes_Check(result); }

bool send_items(const Gil& gil, Call& call, PyObject* result) {
  if (is_no_body(result)) return wrong_result(result);
  const Ref iterator = Ref::steal(PyObject_GetIter(result));
  if (!iterator) {
    return PyErr_ExceptionMatches(PyExc_TypeError) && Py_TYPE(result)->tp_iter == nullptr
               ? wrong_result(result)
               : false;
  }
  while (!call.gone()) {
    const Ref item = Ref::steal(PyIter_Next(iterator.get()));
    if (!item) return !PyErr_Occurred() && end_reply(gil, call);
    if (!PyBytes_Check(item.get())) return wrong_item(item.get());
    if (!call.write(gil, bytes_of(item.get()))) return false;
  }
  return true;
}

// True when the kernel sends the rest of the file; false: it must be read.
bool send_file(const Gil& gil, Call& call, PyObject* wrapper) {
  if (!call.config().sendfile || call.head_state() == HeadState::Missing) return false;
  std::optional<FilePart> part = sendable_file(gil, wrapper);
  if (!part) return false;
  part->length = std::min(part->length, call.room_in_length());
  call.write_file(std::move(*part));
  return true;
}

}  // namespace

bool send_result(const Gil& gil, Call& call, PyObject* result) {
  if (PyObject* const item = only_item(result); item != nullptr && PyBytes_Check(item)) {
    if (call.answer_at_once(gil, bytes_of(item))) return true;
  }
  if (is_file_wrapper(result) && send_file(gil, call, result)) return end_reply(gil, call);
  return send_items(gil, call, result);
}

void close_result(const Gil& gil, Call& call, PyObject* result) {
  if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) return;
  const Ref close = gil::find_attribute(gil, result, gil::names().close);
  if (close) {
    // It may take its time: the client gets the end of its reply before.
    call.slot().published(call.exchange());
    const Ref done = Ref::steal(PyObject_CallNoArgs(close.get()));
  }
  if (PyErr_Occurred()) log_failure(gil, call);
}

}  // namespace winghorn::wsgi
