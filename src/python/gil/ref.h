// ref.h: an owned reference to a Python object.
//
// steal() takes over a reference that the caller owned (what most of the C API returns); share()
// adds one to a borrowed pointer. Empty means "no object": from a call, that a Python error is set.
// Destroy and assign with the interpreter lock held.
// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "python/gil/gil.h"

namespace winghorn::gil {

class Ref {
 public:
  Ref() = default;
  Ref(Ref&& other) noexcept : object_(other.release()) {}
  Ref& operator=(Ref&& other) noexcept {
    PyObject* const old = std::exchange(object_, other.release());
    Py_XDECREF(old);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }

  static Ref steal(PyObject* owned) noexcept { return Ref(owned); }
  static Ref share(PyObject* borrowed) noexcept {
    Py_XINCREF(borrowed);
    return Ref(borrowed);
  }

  PyObject* get() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  void reset() noexcept { *this = Ref(); }

 private:
  explicit Ref(PyObject* owned) noexcept : object_(owned) {}

  PyObject* object_ = nullptr;
};

}  // namespace winghorn::gil
