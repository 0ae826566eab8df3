// SPDX-License-Identifier: MIT
#include "python/gil/error_text.h"

#include "python/gil/names.h"
#include "python/gil/ref.h"

namespace winghorn::gil {
namespace {

Ref formatted(PyObject* exception) {
  const Ref module = Ref::steal(PyImport_ImportModule("traceback"));
  if (!module) return Ref();
  const Ref lines = Ref::steal(
      PyObject_CallMethodObjArgs(module.get(), names().format_exception, exception, nullptr));
  if (!lines) return Ref();
  return Ref::steal(PyUnicode_Join(names().empty, lines.get()));
}

}  // namespace

bool append_utf8(const Gil&, PyObject* text, std::string& to) {
  if (!PyUnicode_Check(text)) return false;
  Py_ssize_t size = 0;
  if (const char* utf8 = PyUnicode_AsUTF8AndSize(text, &size)) {
    to.append(utf8, static_cast<std::size_t>(size));
    return true;
  }
  PyErr_Clear();
  const Ref escaped = Ref::steal(PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  if (!escaped) {
    PyErr_Clear();
    return false;
  }
  to.append(PyBytes_AS_STRING(escaped.get()),
            static_cast<std::size_t>(PyBytes_GET_SIZE(escaped.get())));
  return true;
}

std::string traceback_text(const Gil& gil, PyObject* exception) {
  std::string text;
  const Ref lines = formatted(exception);
  if (!lines || !append_utf8(gil, lines.get(), text)) {
    PyErr_Clear();
    text = std::string(Py_TYPE(exception)->tp_name) + " (its traceback could not be formatted)";
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string text_of(const Gil& gil, PyObject* object) {
  std::string text;
  const Ref as_str = Ref::steal(PyObject_Str(object));
  if (!as_str || !append_utf8(gil, as_str.get(), text)) {
    PyErr_Clear();
    text = Py_TYPE(object)->tp_name;
  }
  return text;
}

void set_error_text(const Gil&, PyObject* type, Bytes text) {
  const Ref message = Ref::steal(
      PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr));
  if (message) PyErr_SetObject(type, message.get());
}

}  // namespace winghorn::gil
