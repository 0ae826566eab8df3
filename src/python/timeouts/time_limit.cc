// SPDX-License-Identifier: MIT
#include "python/timeouts/time_limit.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "python/gil/ref.h"

namespace winghorn::timeouts {

using gil::Gil;
using gil::Ref;

namespace {

constexpr Millis kAgain{5};
constexpr double kMostSeconds = 1e9;  // three decades; an Instant must not run over

Nanos nanos_of(double seconds) {
  return std::chrono::ceil<Nanos>(std::chrono::duration<double>(std::min(seconds, kMostSeconds)));
}

// Always null, with a Python error set, as threading's for the same.
PyObject* refuse_thread(const Failure& failure) {
  PyErr_Format(PyExc_RuntimeError, "winghorn.timeout: %s", failure.text().c_str());
  return nullptr;
}

// Never destroyed: its thread may outlive static objects where a program ends without atexit.
AlarmClock& clock() {
  static AlarmClock& the_clock = *new AlarmClock(TimeLimit::interrupt_due);
  return the_clock;
}

}  // namespace

// On the clock's thread.
void TimeLimit::interrupt_due() {
  const PyGILState_STATE state = PyGILState_Ensure();
  const Instant moment = now();
  while (Alarm* const due = clock().take_due(moment)) {
    static_cast<TimeLimit*>(due)->interrupt(Gil::held());
  }
  PyGILState_Release(state);
}

void TimeLimit::interrupt(const Gil& gil) {
  if (block_.running()) block_.reason = reason_of(seconds_);
  block_.interrupt(gil);
  if (block_.pending()) clock().set_again(*this, now() + kAgain);
}

bool TimeLimit::begin(const Gil& gil, double seconds) {
  if (!block_.enter(gil)) return false;
  seconds_ = seconds;
  const Status set = clock().set(*this, now() + nanos_of(seconds));
  if (set) return true;
  block_.leave(gil);
  refuse_thread(set.error());
  return false;
}

bool TimeLimit::end(const Gil& gil) {
  clock().unset(*this);
  return block_.leave(gil);
}

std::string reason_of(double seconds) {
  return fmt::format("the block has taken longer than {:g} s (winghorn.timeout)", seconds);
}

// ---- what the clock must know of ---------------------------------------------------------------

namespace {

void watch_forks() {
  static const int watching =
      ::pthread_atfork([] { clock().prepare_fork(); }, [] { clock().after_fork_in_parent(); },
                       [] { clock().after_fork_in_child(); });
  (void)watching;  // fails only without memory, and then the next allocation fails too
}

// The clock's thread may be waiting for the lock.
PyObject* stop_clock(PyObject*, PyObject*) {
  PyThreadState* const saved = PyEval_SaveThread();
  clock().stop();
  PyEval_RestoreThread(saved);
  Py_RETURN_NONE;
}

// Python's own hook: before it the child's interpreter is not fit for another thread.
PyObject* resume_clock(PyObject*, PyObject*) {
  if (!gil::adopt_main_thread(Gil::held())) return nullptr;
  const Status resumed = clock().resume();
  if (!resumed) return refuse_thread(resumed.error());
  Py_RETURN_NONE;
}

PyMethodDef stop_definition{"stop_clock", stop_clock, METH_NOARGS,
                            "The interpreter ends: no thread but Python's own may want its lock."};
PyMethodDef resume_definition{"resume_clock", resume_clock, METH_NOARGS,
                              "A child was forked: what limited its thread goes on."};

bool call_at_exit(const Gil&) {
  const Ref atexit = Ref::steal(PyImport_ImportModule("atexit"));
  const Ref stop = Ref::steal(PyCFunction_New(&stop_definition, nullptr));
  return atexit && stop &&
         Ref::steal(PyObject_CallMethod(atexit.get(), "register", "O", stop.get()));
}

bool call_in_children(const Gil&) {
  const Ref os = Ref::steal(PyImport_ImportModule("os"));
  const Ref registers =
      os ? Ref::steal(PyObject_GetAttrString(os.get(), "register_at_fork")) : Ref();
  const Ref resume = Ref::steal(PyCFunction_New(&resume_definition, nullptr));
  const Ref none = Ref::steal(PyTuple_New(0));
  const Ref hook =
      resume ? Ref::steal(Py_BuildValue("{sO}", "after_in_child", resume.get())) : Ref();
  return registers && none && hook &&
         Ref::steal(PyObject_Call(registers.get(), none.get(), hook.get()));
}

}  // namespace

bool watch_forks_and_exit(const Gil& gil) {
  watch_forks();
  return call_at_exit(gil) && call_in_children(gil);
}

}  // namespace winghorn::timeouts
