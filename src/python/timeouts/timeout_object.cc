// SPDX-License-Identifier: MIT
#include "python/timeouts/timeout_object.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "python/gil/compat.h"
#include "python/gil/interrupts.h"
#include "python/timeouts/time_limit.h"

namespace winghorn::timeouts {
namespace {

using gil::Gil;
using gil::Ref;

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

// One __enter__ that has not been left.
struct Entry {
  TimeLimit limit;
  unsigned long thread = 0;
  Entry* earlier = nullptr;
};

struct TimeoutObject {
  PyObject_HEAD double seconds;
  Entry* latest;
};

TimeoutObject* self_of(PyObject* object) { return reinterpret_cast<TimeoutObject*>(object); }

PyObject* expired_class = nullptr;

// Always null, with TimeoutExpired set.
[[gnu::cold]] PyObject* expire(const Gil&, double seconds, Ref cause) {
  const Ref made =
      Ref::steal(PyObject_CallFunction(expired_class, "s", reason_of(seconds).c_str()));
  if (!made) return nullptr;
  if (cause) PyException_SetCause(made.get(), cause.release());
  PyErr_SetObject(expired_class, made.get());
  return nullptr;
}

// The calling thread's; else, where a generator is ended by another thread, any.
Entry* take_entry(TimeoutObject& self) {
  const unsigned long thread = PyThread_get_thread_ident();
  Entry** place = &self.latest;
  while (*place != nullptr && (*place)->thread != thread) place = &(*place)->earlier;
  if (*place == nullptr) place = &self.latest;
  Entry* const entry = *place;
  if (entry != nullptr) *place = entry->earlier;
  return entry;
}

PyObject* enter(PyObject* object, PyObject*) {
  const Gil& gil = Gil::held();
  TimeoutObject& self = *self_of(object);
  if (self.seconds == 0) return expire(gil, 0, Ref());
  auto* const entry = new Entry;
  if (self.seconds != kUnlimited && !entry->limit.begin(gil, self.seconds)) {
    delete entry;
    return nullptr;
  }
  entry->thread = PyThread_get_thread_ident();
  entry->earlier = std::exchange(self.latest, entry);
  return Ref::share(object).release();
}

PyObject* leave(PyObject* object, PyObject* const* arguments, Py_ssize_t count) {
  const Gil& gil = Gil::held();
  TimeoutObject& self = *self_of(object);
  Entry* const entry = take_entry(self);
  if (entry == nullptr) {
    PyErr_SetString(PyExc_RuntimeError,
                    "winghorn.timeout: it was left without having been entered");
    return nullptr;
  }
  const bool interrupted = entry->limit.end(gil);
  delete entry;
  PyObject* const exception = count == 3 ? arguments[1] : Py_None;
  if (interrupted && PyErr_GivenExceptionMatches(exception, gil::request_timeout_class()) != 0) {
    return expire(gil, self.seconds, Ref::share(exception));
  }
  Py_RETURN_FALSE;
}

[[gnu::cold]] void refuse(PyObject* type, PyObject* given) {
  PyErr_Format(
      type, "winghorn.timeout() takes a number of seconds, 0 or more, or None for no limit, not %R",
      given);
}

// Nothing: a Python error is set.
std::optional<double> seconds_of(PyObject* given) {
  if (given == Py_None) return kUnlimited;
  const double seconds = PyFloat_AsDouble(given);
  if (seconds == -1 && PyErr_Occurred() != nullptr) {
    if (PyErr_ExceptionMatches(PyExc_TypeError) != 0) refuse(PyExc_TypeError, given);
    return std::nullopt;
  }
  if (std::isnan(seconds) || seconds < 0) {
    refuse(PyExc_ValueError, given);
    return std::nullopt;
  }
  return seconds;
}

PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  static const char* names[] = {"seconds", nullptr};
  PyObject* given = nullptr;
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "O:timeout", const_cast<char**>(names),
                                  &given) == 0) {
    return nullptr;
  }
  const std::optional<double> seconds = seconds_of(given);
  if (!seconds) return nullptr;
  PyObject* const made = type->tp_alloc(type, 0);
  if (made != nullptr) self_of(made)->seconds = *seconds;
  return made;
}

void dealloc(PyObject* object) {
  TimeoutObject& self = *self_of(object);
  while (Entry* const entry = std::exchange(self.latest, nullptr)) {
    self.latest = entry->earlier;
    entry->limit.end(Gil::held());
    delete entry;
  }
  Py_TYPE(object)->tp_free(object);
}

// The C API keeps functions of every shape under one type; the flags say which it is.
template <class Function>
PyCFunction as_method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"__enter__", enter, METH_NOARGS, "The time begins."},
    {"__exit__", as_method(leave), METH_FASTCALL,
     "It ends. RequestTimeout that came because of it becomes TimeoutExpired."},
    {nullptr, nullptr, 0, nullptr}};

PyTypeObject make_type() {
  PyTypeObject type = gil::blank_type();
  type.tp_name = "winghorn._core.Timeout";
  type.tp_doc = "A block of code that is interrupted when its time is over.";
  type.tp_basicsize = sizeof(TimeoutObject);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  type.tp_new = make;
  type.tp_dealloc = dealloc;
  type.tp_methods = methods;
  return type;
}

PyTypeObject timeout_type = make_type();

constexpr const char* kExpiredDoc =
    "The time of a ``winghorn.timeout`` block is over. ``__cause__`` has the traceback of where "
    "its\n"
    "code stood.";

}  // namespace

bool add_timeouts_to(const Gil& gil, PyObject* module) {
  if (!gil::make_interrupts(gil) || PyType_Ready(&timeout_type) < 0) return false;
  expired_class = PyErr_NewExceptionWithDoc("winghorn.exceptions.TimeoutExpired", kExpiredDoc,
                                            PyExc_TimeoutError, nullptr);
  return expired_class != nullptr &&
         PyModule_AddObjectRef(module, "TimeoutExpired", expired_class) == 0 &&
         PyModule_AddObjectRef(module, "Timeout", reinterpret_cast<PyObject*>(&timeout_type)) ==
             0 &&
         watch_forks_and_exit(gil);
}

}  // namespace winghorn::timeouts
