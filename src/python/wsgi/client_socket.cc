// SPDX-License-Identifier: MIT
#include "python/wsgi/client_socket.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "core/base/fd.h"
#include "python/gil/compat.h"
#include "python/gil/error_text.h"
#include "python/gil/interrupts.h"
#include "python/gil/names.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::names;
using gil::Ref;

struct ClientSocket {
  PyObject_HEAD Call* call;
  PyObject* real;  // null until it is looked at
};

ClientSocket* self_of(PyObject* object) { return reinterpret_cast<ClientSocket*>(object); }

void dealloc(PyObject* object) {
  Py_XDECREF(self_of(object)->real);
  PyObject_Free(object);
}

// Takes the descriptor over, also when it fails.
Ref socket_of(Fd descriptor) {
  const Ref module = Ref::steal(PyImport_ImportModule("socket"));
  if (!module) return Ref();
  const Ref type = Ref::steal(PyObject_GetAttrString(module.get(), "socket"));
  const Ref no_arguments = Ref::steal(PyTuple_New(0));
  const Ref keywords = Ref::steal(Py_BuildValue("{s:i}", "fileno", descriptor.get()));
  if (!type || !no_arguments || !keywords) return Ref();
  Ref made = Ref::steal(PyObject_Call(type.get(), no_arguments.get(), keywords.get()));
  if (!made) return Ref();
  (void)descriptor.release();
  // The connection itself must stay non-blocking for the engine; with a timeout Python waits by
  // poll and leaves it so. A day stands for "as long as it takes".
  const Ref patience = Ref::steal(PyLong_FromLong(24L * 60 * 60));
  const Ref done = Ref::steal(
      PyObject_CallMethodObjArgs(made.get(), names().settimeout, patience.get(), nullptr));
  return done ? std::move(made) : Ref();
}

bool make_real(ClientSocket& self) {
  if (self.call == nullptr) {
    errno = EBADF;
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  Fd copy(::fcntl(self.call->exchange().connection().socket, F_DUPFD_CLOEXEC, 0));
  if (!copy) {
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  Ref made = socket_of(std::move(copy));
  if (!made) return false;
  if (self.real != nullptr) return true;  // another thread was faster; ours closes with its object
  self.real = made.release();
  return true;
}

// What only looks at the connection leaves it to the server.
bool only_looks(PyObject* name) {
  constexpr std::array kLooks = {"family",      "type",        "proto",     "gettimeout",
                                 "getpeername", "getsockname", "getsockopt"};
  return PyUnicode_Check(name) && std::ranges::any_of(kLooks, [name](const char* known) {
           return PyUnicode_CompareWithASCIIString(name, known) == 0;
         });
}

// False: too late, an error is set.
bool take_over(const Gil& gil, Call& call) {
  if (call.exchange().leave_client_to_application()) {
    call.note_socket_taken();
    return true;
  }
  gil::set_error_text(gil, gil::request_timeout_class(),
                      "the request's time is over, and its client has been answered");
  return false;
}

bool is_special(PyObject* name) {
  return PyUnicode_Check(name) && PyUnicode_GET_LENGTH(name) > 2 &&
         PyUnicode_READ_CHAR(name, 0) == '_' && PyUnicode_READ_CHAR(name, 1) == '_';
}

PyObject* get_attribute(PyObject* object, PyObject* name) {
  ClientSocket& self = *self_of(object);
  // Printing or copying an environ asks for such names of everything in it; that is no use of a
  // socket.
  if (self.real == nullptr && is_special(name)) return PyObject_GenericGetAttr(object, name);
  if (self.real == nullptr && !make_real(self)) return nullptr;
  if (self.call != nullptr && !only_looks(name) && !take_over(Gil::held(), *self.call)) {
    return nullptr;
  }
  return PyObject_GetAttr(self.real, name);
}

PyObject* repr(PyObject* object) {
  PyObject* const real = self_of(object)->real;
  return real != nullptr ? PyObject_Repr(real) : PyUnicode_FromString("<winghorn client socket>");
}

PyTypeObject make_type() {
  PyTypeObject type = gil::blank_type();
  type.tp_name = "winghorn._core.ClientSocket";
  type.tp_doc = "The client's connection; a socket.socket as soon as it is used.";
  type.tp_basicsize = sizeof(ClientSocket);
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_dealloc = dealloc;
  type.tp_getattro = get_attribute;
  type.tp_repr = repr;
  return type;
}

PyTypeObject socket_type = make_type();

}  // namespace

bool ready_client_socket(const Gil&) { return PyType_Ready(&socket_type) == 0; }

Ref make_client_socket(const Gil&, Call* call) {
  ClientSocket* const made = PyObject_New(ClientSocket, &socket_type);
  if (made == nullptr) return Ref();
  made->call = call;
  made->real = nullptr;
  return Ref::steal(reinterpret_cast<PyObject*>(made));
}

bool is_untouched(PyObject* client_socket) { return self_of(client_socket)->real == nullptr; }

void detach_client_socket(PyObject* client_socket) { self_of(client_socket)->call = nullptr; }

}  // namespace winghorn::wsgi
