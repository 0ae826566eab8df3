// SPDX-License-Identifier: MIT
#include "python/wsgi/error_stream.h"

#include <string>

#include "python/gil/compat.h"
#include "python/gil/error_text.h"
#include "python/wsgi/application.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;

struct ErrorStream {
  PyObject_HEAD const Reports* reports;  // null: nobody listens any more
};

ErrorStream* self_of(PyObject* object) { return reinterpret_cast<ErrorStream*>(object); }

bool write_text(PyObject* self, PyObject* text) {
  std::string bytes;
  if (!gil::append_utf8(Gil::held(), text, bytes)) {
    PyErr_Format(PyExc_TypeError, "wsgi.errors takes str, not %.200s", Py_TYPE(text)->tp_name);
    return false;
  }
  const Reports* const reports = self_of(self)->reports;
  if (!bytes.empty() && reports != nullptr && reports->errors_stream) reports->errors_stream(bytes);
  return true;
}

PyObject* write(PyObject* self, PyObject* text) {
  return write_text(self, text) ? PyLong_FromSsize_t(PyUnicode_GetLength(text)) : nullptr;
}

PyObject* write_lines(PyObject* self, PyObject* lines) {
  const Ref iterator = Ref::steal(PyObject_GetIter(lines));
  if (!iterator) return nullptr;
  while (const Ref line = Ref::steal(PyIter_Next(iterator.get()))) {
    if (!write_text(self, line.get())) return nullptr;
  }
  if (PyErr_Occurred()) return nullptr;
  Py_RETURN_NONE;
}

PyObject* flush(PyObject* self, PyObject*) {
  const Reports* const reports = self_of(self)->reports;
  if (reports != nullptr && reports->errors_flushed) reports->errors_flushed();
  Py_RETURN_NONE;
}

PyObject* is_a_tty(PyObject*, PyObject*) { Py_RETURN_FALSE; }
PyObject* writable(PyObject*, PyObject*) { Py_RETURN_TRUE; }
PyObject* encoding(PyObject*, void*) { return PyUnicode_FromString("utf-8"); }

PyMethodDef methods[] = {
    {"write", write, METH_O, "write(text, /) -> int"},
    {"writelines", write_lines, METH_O, "writelines(lines, /) -> None"},
    {"flush", flush, METH_NOARGS,
     "Ends a line that was begun, where lines are kept until they end."},
    {"isatty", is_a_tty, METH_NOARGS, "isatty() -> bool"},
    {"writable", writable, METH_NOARGS, "writable() -> bool"},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"encoding", encoding, nullptr, "How text is written.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyTypeObject make_type() {
  PyTypeObject type = gil::blank_type();
  type.tp_name = "winghorn._core.ErrorStream";
  type.tp_doc = "Text for the server's error log.";
  type.tp_basicsize = sizeof(ErrorStream);
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_methods = methods;
  type.tp_getset = attributes;
  return type;
}

PyTypeObject stream_type = make_type();

}  // namespace

bool ready_error_stream(const Gil&) { return PyType_Ready(&stream_type) == 0; }

Ref make_error_stream(const Gil&, const Reports* reports) {
  ErrorStream* const made = PyObject_New(ErrorStream, &stream_type);
  if (made != nullptr) made->reports = reports;
  return Ref::steal(reinterpret_cast<PyObject*>(made));
}

void detach_error_stream(PyObject* stream) { self_of(stream)->reports = nullptr; }

}  // namespace winghorn::wsgi
