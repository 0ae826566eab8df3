// SPDX-License-Identifier: MIT
#include "python/wsgi/request_callable.h"

#include <array>
#include <cstddef>

#include "core/http/error_page.h"
#include "python/gil/compat.h"
#include "python/gil/error_text.h"
#include "python/gil/names.h"
#include "python/wsgi/application.h"
#include "python/wsgi/exceptions.h"
#include "python/wsgi/reply_parsing.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::names;
using gil::Ref;

struct RequestCallable {
  PyObject_HEAD vectorcallfunc vectorcall;
  Call* call;       // null: the request has ended
  PyObject* write;  // of start_response: what it returns; owned
  const char* name;
};

RequestCallable* self_of(PyObject* object) { return reinterpret_cast<RequestCallable*>(object); }

void dealloc(PyObject* object) {
  Py_XDECREF(self_of(object)->write);
  Py_TYPE(object)->tp_free(object);
}

PyObject* repr(PyObject* object) {
  return PyUnicode_FromFormat("<winghorn %s>", self_of(object)->name);
}

PyTypeObject make_type() {
  PyTypeObject type = gil::blank_type();
  type.tp_name = "winghorn._core.RequestCallable";
  type.tp_doc = "A function bound to one request.";
  type.tp_basicsize = sizeof(RequestCallable);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL;
  type.tp_vectorcall_offset = offsetof(RequestCallable, vectorcall);
  type.tp_call = PyVectorcall_Call;
  type.tp_dealloc = dealloc;
  type.tp_repr = repr;
  return type;
}

PyTypeObject callable_type = make_type();

// The call that the function is bound to, or null with an error set.
Call* bound_call(PyObject* self) {
  Call* const call = self_of(self)->call;
  if (call == nullptr)
    PyErr_Format(PyExc_RuntimeError, "%s: the request has ended", self_of(self)->name);
  return call;
}

[[gnu::cold]] bool wrong_arguments(const char* usage) {
  PyErr_Format(PyExc_TypeError, "the arguments of %s do not fit", usage);
  return false;
}

struct StartArguments {
  PyObject* status = nullptr;
  PyObject* headers = nullptr;
  PyObject* exc_info = nullptr;
};

[[gnu::cold]] bool take_keywords(PyObject* const* values, PyObject* keywords,
                                 StartArguments& into) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) {
    PyObject* const keyword = PyTuple_GET_ITEM(keywords, i);
    PyObject** place = nullptr;
    if (PyUnicode_Compare(keyword, names().status) == 0) place = &into.status;
    if (PyUnicode_Compare(keyword, names().headers) == 0) place = &into.headers;
    if (PyUnicode_Compare(keyword, names().exc_info) == 0) place = &into.exc_info;
    if (place == nullptr || *place != nullptr) return false;
    *place = values[i];
  }
  return true;
}

bool start_arguments(PyObject* const* args, std::size_t count, PyObject* keywords,
                     StartArguments& into) {
  if (count > 0) into.status = args[0];
  if (count > 1) into.headers = args[1];
  if (count > 2) into.exc_info = args[2];
  const bool understood =
      count <= 3 && (keywords == nullptr || take_keywords(args + count, keywords, into));
  if (!understood || into.status == nullptr || into.headers == nullptr) {
    return wrong_arguments("start_response(status, headers, exc_info=None)");
  }
  if (into.exc_info == Py_None) into.exc_info = nullptr;
  return true;
}

// The application has an error to report, but the client has the first half of another answer.
[[gnu::cold]] bool raise_again(const Gil& gil, PyObject* exc_info) {
  const Ref parts = Ref::steal(PySequence_Tuple(exc_info));
  if (!parts) return false;
  if (PyTuple_GET_SIZE(parts.get()) != 3 ||
      !PyExceptionInstance_Check(PyTuple_GET_ITEM(parts.get(), 1))) {
    PyErr_SetString(PyExc_TypeError, "exc_info must be what sys.exc_info() returns");
    return false;
  }
  PyObject* const value = PyTuple_GET_ITEM(parts.get(), 1);
  PyObject* const traceback = PyTuple_GET_ITEM(parts.get(), 2);
  if (traceback != Py_None && PyException_SetTraceback(value, traceback) < 0) return false;
  gil::set_error(gil, Ref::share(value));
  return false;
}

bool may_start(const Gil& gil, const Call& call, const StartArguments& arguments) {
  if (arguments.exc_info != nullptr) {
    return call.head_state() != HeadState::Out || raise_again(gil, arguments.exc_info);
  }
  if (call.head_state() == HeadState::Missing) return true;
  PyErr_SetString(PyExc_AssertionError, "Response headers already set!");
  return false;
}

PyObject* start_response(PyObject* self, PyObject* const* args, std::size_t flags,
                         PyObject* keywords) {
  const Gil& gil = Gil::held();
  Call* const call = bound_call(self);
  if (call == nullptr) return nullptr;
  StartArguments arguments;
  if (!start_arguments(args, static_cast<std::size_t>(PyVectorcall_NARGS(flags)), keywords,
                       arguments) ||
      !may_start(gil, *call, arguments)) {
    return nullptr;
  }
  ReplyHead head;
  if (!parse_status(gil, arguments.status, head) ||
      !parse_headers(gil, arguments.headers, HeaderText::StrOnly, head)) {
    return nullptr;
  }
  // Parsing may have run foreign code.
  if (bound_call(self) == nullptr || !may_start(gil, *call, arguments)) return nullptr;
  call->give_head(std::move(head));
  if (call->config().request_hooks != nullptr) {
    call->note_head_objects(arguments.status, arguments.headers);
  }
  PyObject* const write = self_of(self)->write;
  Py_INCREF(write);
  return write;
}

bool one_argument(std::size_t flags, PyObject* keywords, const char* usage) {
  const bool fits =
      PyVectorcall_NARGS(flags) == 1 && (keywords == nullptr || PyTuple_GET_SIZE(keywords) == 0);
  return fits || wrong_arguments(usage);
}

PyObject* write(PyObject* self, PyObject* const* args, std::size_t flags, PyObject* keywords) {
  const Gil& gil = Gil::held();
  Call* const call = bound_call(self);
  if (call == nullptr || !one_argument(flags, keywords, "write(data)")) return nullptr;
  if (!PyBytes_Check(args[0])) {
    PyErr_Format(PyExc_TypeError, "write() takes bytes, not %.200s", Py_TYPE(args[0])->tp_name);
    return nullptr;
  }
  const Bytes item(PyBytes_AS_STRING(args[0]), static_cast<std::size_t>(PyBytes_GET_SIZE(args[0])));
  if (!call->write(gil, item)) return nullptr;
  // An application that only ever writes would not learn otherwise that nobody listens.
  if (self_of(self)->call != nullptr && call->gone() && !call->overdue()) {
    gil::set_error_text(gil, exceptions.client_disconnected, "the client went away");
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyObject* early_hints(PyObject* self, PyObject* const* args, std::size_t flags,
                      PyObject* keywords) {
  const Gil& gil = Gil::held();
  Call* const call = bound_call(self);
  if (call == nullptr || !one_argument(flags, keywords, "early_hints(headers)")) return nullptr;
  if (call->exchange().head.version == "HTTP/1.0") Py_RETURN_NONE;
  ReplyHead head;
  constexpr int kEarlyHints = 103;  // RFC 8297
  head.set_status(kEarlyHints, reason_phrase(kEarlyHints));
  if (!parse_headers(gil, args[0], HeaderText::StrOrBytes, head)) return nullptr;
  if (self_of(self)->call != nullptr && call->head_state() != HeadState::Out && !call->gone()) {
    call->inform(std::move(head));
  }
  Py_RETURN_NONE;
}

// Also once its answer is for nobody because its time is over. A client that sends no more could still
// read; hardly any does.
PyObject* client_disconnected(PyObject* self, PyObject* const*, std::size_t flags,
                              PyObject* keywords) {
  const Call* const call = bound_call(self);
  if (call == nullptr) return nullptr;
  const bool fits =
      PyVectorcall_NARGS(flags) == 0 && (keywords == nullptr || PyTuple_GET_SIZE(keywords) == 0);
  if (!fits && !wrong_arguments("client_disconnected()")) return nullptr;
  const bool gone = call->gone() || call->exchange().client_ended();
  return PyBool_FromLong(gone ? 1 : 0);
}

Ref make(const Gil&, vectorcallfunc function, const char* name, Call* call,
         PyObject* written = nullptr) {
  RequestCallable* const made = PyObject_New(RequestCallable, &callable_type);
  if (made == nullptr) return Ref();
  made->vectorcall = function;
  made->call = call;
  Py_XINCREF(written);
  made->write = written;
  made->name = name;
  return Ref::steal(reinterpret_cast<PyObject*>(made));
}

}  // namespace

bool ready_request_callables(const Gil&) { return PyType_Ready(&callable_type) == 0; }

Ref make_start_response(const Gil& gil, Call* call, PyObject* written) {
  return make(gil, start_response, "start_response", call, written);
}
Ref make_write(const Gil& gil, Call* call) { return make(gil, write, "write", call); }
Ref make_early_hints(const Gil& gil, Call* call) {
  return make(gil, early_hints, "early_hints", call);
}

Ref make_client_disconnected(const Gil& gil, Call* call) {
  return make(gil, client_disconnected, "client_disconnected", call);
}

void detach_callable(PyObject* callable) {
  RequestCallable* const self = self_of(callable);
  self->call = nullptr;
  if (self->write != nullptr) detach_callable(self->write);
}

}  // namespace winghorn::wsgi
