// SPDX-License-Identifier: MIT
#include "python/gil/knock.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "python/gil/ref.h"

namespace winghorn::gil {
namespace {

std::atomic<bool> installed{false};
pthread_t main_thread;  // set before `installed`, then only in a forked child
std::vector<Errand>& errands() {
  static std::vector<Errand> all;
  return all;
}

// Not one that the application is likely to use: the C library keeps the first few for itself.
int knock_signal() { return SIGRTMAX - 3; }

PyObject* answer(PyObject*, PyObject*) {
  const Gil& gil = Gil::held();
  const bool undisturbed =
      std::ranges::all_of(errands(), [&gil](const Errand errand) { return errand(gil); });
  if (!undisturbed) return nullptr;
  Py_RETURN_NONE;
}

PyMethodDef answer_definition{"knock", answer, METH_VARARGS,
                              "The main thread looks at what Winghorn wants of it."};

}  // namespace

bool on_main_thread(const Gil&) {
  const Ref threading = Ref::steal(PyImport_ImportModule("threading"));
  if (!threading) return false;
  const Ref main = Ref::steal(PyObject_CallMethod(threading.get(), "main_thread", nullptr));
  const Ref ident = main ? Ref::steal(PyObject_GetAttrString(main.get(), "ident")) : Ref();
  return ident && PyLong_Check(ident.get()) &&
         PyLong_AsUnsignedLong(ident.get()) == PyThread_get_thread_ident();
}

bool install_knock(const Gil&) {
  if (installed.load(std::memory_order_acquire)) return true;
  const Ref function = Ref::steal(PyCFunction_New(&answer_definition, nullptr));
  const Ref module = Ref::steal(PyImport_ImportModule("signal"));
  if (!function || !module) return false;
  const Ref before =
      Ref::steal(PyObject_CallMethod(module.get(), "signal", "iO", knock_signal(), function.get()));
  if (!before) return false;
  main_thread = ::pthread_self();
  static const int watching =
      ::pthread_atfork(nullptr, nullptr, [] { main_thread = ::pthread_self(); });
  (void)watching;  // fails only without memory, and then the next allocation fails too
  installed.store(true, std::memory_order_release);
  return true;
}

void on_knock(const Gil&, Errand errand) {
  if (std::ranges::find(errands(), errand) == errands().end()) errands().push_back(errand);
}

void knock() noexcept {
  if (!installed.load(std::memory_order_acquire)) return;
  // The first makes Python look, the second cuts its system call short.
  PyErr_SetInterruptEx(knock_signal());
  ::pthread_kill(main_thread, knock_signal());
}

}  // namespace winghorn::gil
