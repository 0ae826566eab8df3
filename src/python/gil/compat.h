// compat.h: what differs between CPython 3.10 and 3.15, under one name each.
//
// Nothing else in the tree asks for PY_VERSION_HEX. Answers are the newer API's: references are
// owned.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/gil.h"
#include "python/gil/ref.h"

namespace winghorn::gil {

// A static type to be filled in, then readied.
inline PyTypeObject blank_type() {
  constexpr PyVarObject kHead[] = {PyVarObject_HEAD_INIT(nullptr, 0)};
  PyTypeObject type{};
  type.ob_base = kHead[0];
  return type;
}

// The pending exception, normalized, with its traceback set; the indicator is clear afterwards.
inline Ref take_error(const Gil&) {
#if PY_VERSION_HEX >= 0x030C0000
  return Ref::steal(PyErr_GetRaisedException());
#else
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  if (type == nullptr) return Ref();
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback != nullptr) PyException_SetTraceback(value, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return Ref::steal(value);
#endif
}

// Makes `exception` the pending one.
inline void set_error(const Gil&, Ref exception) {
#if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(exception.release());
#else
  PyObject* value = exception.release();
  PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(value));
  Py_INCREF(type);
  PyErr_Restore(type, value, PyException_GetTraceback(value));
#endif
}

// The attribute, or an empty Ref; without it no error is set, unless looking it up failed
// otherwise.
inline Ref find_attribute(const Gil&, PyObject* object, PyObject* name) {
  PyObject* found = nullptr;
#if PY_VERSION_HEX >= 0x030D0000
  (void)PyObject_GetOptionalAttr(object, name, &found);
#else
  (void)_PyObject_LookupAttr(object, name, &found);
#endif
  return Ref::steal(found);
}

// The item, or an empty Ref; an error is set only when comparing keys failed.
inline Ref find_item(const Gil&, PyObject* dict, PyObject* key) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* found = nullptr;
  (void)PyDict_GetItemRef(dict, key, &found);
  return Ref::steal(found);
#else
  return Ref::share(PyDict_GetItemWithError(dict, key));
#endif
}

// Gives a str its final form; before 3.12 one made by the oldest API may still lack it.
inline bool ready_text(PyObject* text) {
#if PY_VERSION_HEX >= 0x030C0000
  (void)text;
  return true;
#else
  if (PyUnicode_READY(text) == 0) return true;
  PyErr_Clear();
  return false;
#endif
}

// True when the caller's `references` are all there are. Without a global lock counts are split
// between threads and say nothing, so objects are never taken for unused there.
inline bool only_ours(PyObject* object, Py_ssize_t references) {
#ifdef Py_GIL_DISABLED
  (void)object;
  (void)references;
  return false;
#else
  return Py_REFCNT(object) == references;
#endif
}

}  // namespace winghorn::gil
