// SPDX-License-Identifier: MIT
#include "python/wsgi/deadline_object.h"

#include <chrono>
#include <cmath>
#include <limits>

#include "python/gil/compat.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;
using DoubleSeconds = std::chrono::duration<double>;

struct DeadlineObject {
  PyObject_HEAD Call* call;  // null: the request has ended
};

DeadlineObject* self_of(PyObject* object) { return reinterpret_cast<DeadlineObject*>(object); }

void dealloc(PyObject* object) { PyObject_Free(object); }

// Null: the request has ended, an error is set.
Deadline* deadline_of(PyObject* object) {
  Call* const call = self_of(object)->call;
  if (call != nullptr) return &call->exchange().deadline;
  PyErr_SetString(PyExc_RuntimeError, "winghorn.deadline: the request has ended");
  return nullptr;
}

PyObject* remaining(PyObject* self, PyObject*) {
  const Deadline* const deadline = deadline_of(self);
  if (deadline == nullptr) return nullptr;
  if (!deadline->is_set()) return PyFloat_FromDouble(std::numeric_limits<double>::infinity());
  const std::optional<Instant> when = deadline->when();
  if (!when) return PyFloat_FromDouble(0);
  return PyFloat_FromDouble(std::max(DoubleSeconds(*when - now()).count(), 0.0));
}

PyObject* extend(PyObject* self, PyObject* argument) {
  Deadline* const deadline = deadline_of(self);
  if (deadline == nullptr) return nullptr;
  const double seconds = PyFloat_AsDouble(argument);
  if (seconds == -1 && PyErr_Occurred() != nullptr) return nullptr;
  if (!std::isfinite(seconds) || seconds < 0) {
    PyErr_Format(PyExc_ValueError, "extend() takes a number of seconds, 0 or more, not %R",
                 argument);
    return nullptr;
  }
  // Longer than any cap; what is granted is bounded by that.
  constexpr double kMostSeconds = 1e9;
  const Nanos by = std::chrono::round<Nanos>(DoubleSeconds(std::min(seconds, kMostSeconds)));
  return PyFloat_FromDouble(DoubleSeconds(deadline->extend(by)).count());
}

PyObject* expired(PyObject* self, void*) {
  const Deadline* const deadline = deadline_of(self);
  return deadline == nullptr ? nullptr : PyBool_FromLong(deadline->has_passed() ? 1 : 0);
}

PyMethodDef methods[] = {
    {"remaining", remaining, METH_NOARGS,
     "Seconds that the request still has, 0.0 when they are over, inf without a deadline."},
    {"extend", extend, METH_O,
     "Give the request so many seconds more. Returns how many were granted: at most what\n"
     "request_timeout_extension leaves, 0.0 once the deadline has passed."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef properties[] = {
    {"expired", expired, nullptr, "Whether the request's time is over.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyTypeObject make_type() {
  PyTypeObject type = gil::blank_type();
  type.tp_name = "winghorn._core.Deadline";
  type.tp_doc = "How long this request still has.";
  type.tp_basicsize = sizeof(DeadlineObject);
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_dealloc = dealloc;
  type.tp_methods = methods;
  type.tp_getset = properties;
  return type;
}

PyTypeObject deadline_type = make_type();

}  // namespace

bool ready_deadline_object(const Gil&) { return PyType_Ready(&deadline_type) == 0; }

Ref make_deadline_object(const Gil&, Call* call) {
  DeadlineObject* const made = PyObject_New(DeadlineObject, &deadline_type);
  if (made == nullptr) return Ref();
  made->call = call;
  return Ref::steal(reinterpret_cast<PyObject*>(made));
}

void detach_deadline_object(PyObject* deadline) { self_of(deadline)->call = nullptr; }

}  // namespace winghorn::wsgi
