// SPDX-License-Identifier: MIT
#include "python/wsgi/reply_parsing.h"

#include <optional>
#include <string>

#include "python/gil/compat.h"
#include "python/gil/ref.h"
#include "python/wsgi/exceptions.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;

// The bytes of a str that fits latin-1; they live as long as it does.
std::optional<Bytes> latin1(PyObject* text) {
  if (!gil::ready_text(text) || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND) return std::nullopt;
  return Bytes(static_cast<const char*>(PyUnicode_DATA(text)),
               static_cast<std::size_t>(PyUnicode_GET_LENGTH(text)));
}

[[gnu::cold]] bool bad_status(PyObject* status) {
  PyErr_Format(PyExc_ValueError, "Invalid status %R", status);
  return false;
}

[[gnu::cold]] bool bad_header(PyObject* type, const char* text, PyObject* name) {
  const Ref shown = PyBytes_Check(name)
                        ? Ref::steal(PyUnicode_DecodeLatin1(PyBytes_AS_STRING(name),
                                                            PyBytes_GET_SIZE(name), nullptr))
                        : Ref::share(name);
  if (shown) PyErr_Format(type, "%s: %R", text, shown.get());
  return false;
}

bool bad_name(PyObject* name) {
  return bad_header(exceptions.invalid_response_header_name,
                    "Invalid response header name from the application", name);
}

bool bad_value(PyObject* name) {
  return bad_header(exceptions.invalid_response_header,
                    "Invalid response header from the application", name);
}

[[gnu::cold]] bool wrong_type(const char* what, PyObject* object) {
  PyErr_Format(PyExc_TypeError, "a response header's %s must be str, not %.200s", what,
               Py_TYPE(object)->tp_name);
  return false;
}

bool is_text(PyObject* object, HeaderText text) {
  return PyUnicode_Check(object) || (text == HeaderText::StrOrBytes && PyBytes_Check(object));
}

std::optional<Bytes> bytes_of(PyObject* text) {
  if (PyUnicode_Check(text)) return latin1(text);
  return Bytes(PyBytes_AS_STRING(text), static_cast<std::size_t>(PyBytes_GET_SIZE(text)));
}

bool add_header(PyObject* name, PyObject* value, HeaderText text, ReplyHead& into) {
  if (!is_text(name, text)) return wrong_type("name", name);
  if (!is_text(value, text)) return wrong_type("value", value);
  const std::optional<Bytes> name_bytes = bytes_of(name);
  if (!name_bytes) return bad_name(name);
  const std::optional<Bytes> value_bytes = bytes_of(value);
  if (!value_bytes) return bad_value(name);
  switch (into.add(*name_bytes, *value_bytes)) {
    case FieldFault::None:
      return true;
    case FieldFault::BadName:
      return bad_name(name);
    case FieldFault::BadValue:
    case FieldFault::BadLength:
      return bad_value(name);
  }
  return true;
}

bool add_pair(PyObject* pair, HeaderText text, ReplyHead& into) {
  if (PyTuple_CheckExact(pair) && PyTuple_GET_SIZE(pair) == 2) {
    return add_header(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), text, into);
  }
  const Ref items = Ref::steal(PySequence_Tuple(pair));
  if (!items) return false;
  if (PyTuple_GET_SIZE(items.get()) != 2 || PyUnicode_Check(pair) || PyBytes_Check(pair)) {
    PyErr_Format(PyExc_TypeError, "response headers must be (name, value) tuples, not %R", pair);
    return false;
  }
  return add_header(PyTuple_GET_ITEM(items.get(), 0), PyTuple_GET_ITEM(items.get(), 1), text, into);
}

}  // namespace

bool parse_status(const Gil&, PyObject* status, ReplyHead& into) {
  if (!PyUnicode_Check(status)) {
    PyErr_Format(PyExc_TypeError, "the response status must be str, not %.200s",
                 Py_TYPE(status)->tp_name);
    return false;
  }
  const std::optional<Bytes> text = latin1(status);
  if (!text || text->size() < 3) return bad_status(status);
  int code = 0;
  for (const char digit : text->substr(0, 3)) {
    if (digit < '0' || digit > '9') return bad_status(status);
    code = code * 10 + (digit - '0');
  }
  Bytes reason = text->substr(3);
  if (!reason.empty()) {
    if (reason.front() != ' ') return bad_status(status);
    reason.remove_prefix(1);
  }
  return into.set_status(code, reason) || bad_status(status);
}

bool parse_headers(const Gil&, PyObject* headers, HeaderText text, ReplyHead& into) {
  const Ref fast =
      Ref::steal(PySequence_Fast(headers, "response headers must be a list of tuples"));
  if (!fast) return false;
  // By index and with the size read anew: foreign code (a str subclass) could change the list.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
    const Ref pair = Ref::share(PySequence_Fast_GET_ITEM(fast.get(), i));
    if (!add_pair(pair.get(), text, into)) return false;
  }
  return true;
}

}  // namespace winghorn::wsgi
