// SPDX-License-Identifier: MIT
#include "python/wsgi/input.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <string>
#include <thread>

#include "python/gil/compat.h"
#include "python/gil/forked_child.h"
#include "python/gil/interrupts.h"
#include "python/wsgi/exceptions.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;

constexpr std::size_t kLineBlock = std::size_t{16} * 1024;   // read ahead of a line's end
constexpr std::size_t kFirstBlock = std::size_t{64} * 1024;  // of a read whose length is not known
constexpr std::size_t kLongTake = std::size_t{64} * 1024;    // worth letting go of the lock
constexpr std::chrono::milliseconds kGuestNap{2};
constexpr Py_ssize_t kAll = -1;

struct Input {
  PyObject_HEAD Call* call;  // null: ended, or empty from the start
  bool always_empty;
  std::string ahead;  // taken from the body while looking for a line's end
  std::size_t ahead_used;

  std::size_t ahead_left() const { return ahead.size() - ahead_used; }
  void use_ahead(std::size_t count) {
    ahead_used += count;
    if (ahead_used < ahead.size()) return;
    ahead.clear();
    ahead_used = 0;
  }
};

Input* self_of(PyObject* object) { return reinterpret_cast<Input*>(object); }

// The number of bytes asked for; kAll for none, None and negative ones. False: an error is set.
bool parse_size(PyObject* const* args, Py_ssize_t count, Py_ssize_t* size) {
  *size = kAll;
  if (count > 1) {
    PyErr_Format(PyExc_TypeError, "at most 1 argument expected, got %zd", count);
    return false;
  }
  if (count == 0 || args[0] == Py_None) return true;
  if (!PyIndex_Check(args[0])) {
    PyErr_Format(PyExc_TypeError, "size must be an integer or None, not %.200s",
                 Py_TYPE(args[0])->tp_name);
    return false;
  }
  *size = PyNumber_AsSsize_t(args[0], nullptr);  // a larger one is clipped
  if (*size == -1 && PyErr_Occurred()) return false;
  if (*size < 0) *size = kAll;
  return true;
}

// Waits until there is something to look at. The request may be over afterwards. False: a handler of the
// application's for a signal that came meanwhile raised (PEP 475).
bool wait_for_body(Call& call) {
  Exchange& exchange = call.exchange();
  if (call.on_own_thread()) return call.wait_without_lock(&Exchange::await_body);
  // A thread of the application's has no part in the engine's ways of waiting: it looks again and
  // again.
  exchange.ask_for_body(call.slot());
  PyThreadState* const saved = PyEval_SaveThread();
  std::this_thread::sleep_for(kGuestNap);
  PyEval_RestoreThread(saved);
  return true;
}

std::size_t take_now(Call& call, char* into, std::size_t most) {
  Exchange& exchange = call.exchange();
  std::size_t got = 0;
  // Only the request's own thread keeps the exchange alive without the lock.
  if (most >= kLongTake && exchange.body.available() >= kLongTake && call.on_own_thread()) {
    call.without_lock([&] { got = exchange.body.take(into, most); });
  } else {
    got = exchange.body.take(into, most);
  }
  if (got == 0) return 0;
  if (exchange.body.was_full()) call.slot().published(exchange);
  call.slot().progress();
  return got;
}

// The request that has outlived its time gets one RequestTimeout, from here or from outside.
void raise_end_of(const Gil& gil, const Call& call, BodyState state) {
  const std::string fault = call.exchange().body.fault();
  if (state == BodyState::Overdue && call.on_own_thread()) return gil::raise_outermost(gil, fault);
  raise_body_end(gil, state, fault);
}

// Takes at least one byte of the body, waiting for it. 0 at its end, -1 with an error set.
Py_ssize_t take(const Gil& gil, Input& input, char* into, std::size_t most) {
  while (true) {
    Call* const call = input.call;
    if (call == nullptr) {
      if (input.always_empty) return 0;
      PyErr_SetString(PyExc_ValueError, "read of wsgi.input after its request has ended");
      return -1;
    }
    // A child must not take what its parent is to read, nor a lock that was held when it was made.
    if (gil::in_forked_child()) {
      raise_body_end(gil, BodyState::Truncated, {});
      return -1;
    }
    BodyPipe& body = call->exchange().body;
    const BodyState state = body.state();  // before taking: what it says was true then
    if (const std::size_t got = take_now(*call, into, most)) return static_cast<Py_ssize_t>(got);
    if (state == BodyState::Complete) return 0;
    if (state != BodyState::Open) {
      raise_end_of(gil, *call, state);
      return -1;
    }
    if (call->gone()) {
      raise_body_end(gil, BodyState::Truncated, {});
      return -1;
    }
    if (!wait_for_body(*call)) return -1;
  }
}

// How much to make room for next when `have` bytes of at most `most` are there.
std::size_t next_room(const Input& input, std::size_t have, std::size_t most) {
  if (input.call == nullptr || gil::in_forked_child()) return have;
  const Exchange& exchange = input.call->exchange();
  const std::uint64_t there = exchange.body.available();
  if (exchange.body.state() != BodyState::Open)
    return have + std::min<std::uint64_t>(there, most - have);
  std::uint64_t wanted = std::max<std::uint64_t>({have, there, kFirstBlock});
  // What the client promised bounds it, though the promise alone earns no memory.
  if (exchange.head.content_length) wanted = std::min(wanted, *exchange.head.content_length);
  return have + std::min<std::uint64_t>(std::max<std::uint64_t>(wanted, 1), most - have);
}

PyObject* failed(PyObject* result) {
  Py_DECREF(result);
  return nullptr;
}

// Reads up to `most` bytes, straight into the object that is returned.
PyObject* read_bytes(const Gil& gil, Input& input, std::size_t most) {
  std::size_t have = std::min(input.ahead_left(), most);
  std::size_t room = have == most ? have : next_room(input, have, most);
  PyObject* result = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(room));
  if (result == nullptr) return nullptr;
  std::memcpy(PyBytes_AS_STRING(result), input.ahead.data() + input.ahead_used, have);
  input.use_ahead(have);
  while (have < most) {
    if (have == room) {
      // Is there more at all? A byte will tell, so that a body that was just complete costs no
      // growth.
      char first = 0;
      const Py_ssize_t got = take(gil, input, &first, 1);
      if (got < 0) return failed(result);
      if (got == 0) break;
      room = std::max(next_room(input, have, most), have + 1);
      if (_PyBytes_Resize(&result, static_cast<Py_ssize_t>(room)) < 0) return nullptr;
      PyBytes_AS_STRING(result)[have++] = first;
      continue;
    }
    const Py_ssize_t got = take(gil, input, PyBytes_AS_STRING(result) + have, room - have);
    if (got < 0) return failed(result);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have < room) _PyBytes_Resize(&result, static_cast<Py_ssize_t>(have));
  return result;
}

PyObject* read_line(const Gil& gil, Input& input, std::size_t most) {
  std::size_t searched = 0;  // of what is ahead
  while (true) {
    const Bytes ahead = Bytes(input.ahead).substr(input.ahead_used);
    const std::size_t newline = ahead.find('\n', searched);
    std::size_t line = newline == Bytes::npos ? ahead.size() : newline + 1;
    bool whole = newline != Bytes::npos || line >= most;
    if (!whole) {
      searched = line;
      char block[kLineBlock];
      const Py_ssize_t got = take(gil, input, block, sizeof block);
      if (got < 0) return nullptr;
      if (got > 0) {
        input.ahead.erase(0, input.ahead_used);
        input.ahead_used = 0;
        input.ahead.append(block, static_cast<std::size_t>(got));
        continue;
      }
      line = input.ahead_left();
    }
    line = std::min(line, most);
    PyObject* const result = PyBytes_FromStringAndSize(input.ahead.data() + input.ahead_used,
                                                       static_cast<Py_ssize_t>(line));
    if (result != nullptr) input.use_ahead(line);
    return result;
  }
}

constexpr std::size_t kNoLimit = PY_SSIZE_T_MAX;

std::size_t limit_of(Py_ssize_t size) {
  return size == kAll ? kNoLimit : static_cast<std::size_t>(size);
}

PyObject* read(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Py_ssize_t size = kAll;
  if (!parse_size(args, count, &size)) return nullptr;
  if (size == 0) return PyBytes_FromStringAndSize(nullptr, 0);
  return read_bytes(Gil::held(), *self_of(self), limit_of(size));
}

PyObject* readline(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Py_ssize_t size = kAll;
  if (!parse_size(args, count, &size)) return nullptr;
  if (size == 0) return PyBytes_FromStringAndSize(nullptr, 0);
  return read_line(Gil::held(), *self_of(self), limit_of(size));
}

// Lines until their bytes reach the hint (io.IOBase.readlines).
PyObject* readlines(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  Py_ssize_t hint = kAll;
  if (!parse_size(args, count, &hint)) return nullptr;
  Ref lines = Ref::steal(PyList_New(0));
  if (!lines) return nullptr;
  Py_ssize_t total = 0;
  while (hint <= 0 || total < hint) {
    const Ref line = Ref::steal(read_line(Gil::held(), *self_of(self), kNoLimit));
    if (!line) return nullptr;
    if (PyBytes_GET_SIZE(line.get()) == 0) break;
    total += PyBytes_GET_SIZE(line.get());
    if (PyList_Append(lines.get(), line.get()) < 0) return nullptr;
  }
  return lines.release();
}

PyObject* next_line(PyObject* self) {
  PyObject* const line = read_line(Gil::held(), *self_of(self), kNoLimit);
  if (line == nullptr || PyBytes_GET_SIZE(line) > 0) return line;
  Py_DECREF(line);
  return nullptr;
}

PyObject* close(PyObject*, PyObject*) { Py_RETURN_NONE; }

void dealloc(PyObject* object) {
  self_of(object)->ahead.~basic_string();
  PyObject_Free(object);
}

// Through void*: what a method really takes is said by its flags.
PyCFunction method(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"read", method(read), METH_FASTCALL, "read(size=-1, /) -> bytes"},
    {"readline", method(readline), METH_FASTCALL, "readline(size=-1, /) -> bytes"},
    {"readlines", method(readlines), METH_FASTCALL, "readlines(hint=-1, /) -> list[bytes]"},
    {"close", close, METH_NOARGS, "Does nothing: the body belongs to the request."},
    {nullptr, nullptr, 0, nullptr},
};

PyTypeObject make_type() {
  PyTypeObject type = gil::blank_type();
  type.tp_name = "winghorn._core.Input";
  type.tp_doc = "The body of a request.";
  type.tp_basicsize = sizeof(Input);
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_dealloc = dealloc;
  type.tp_iter = PyObject_SelfIter;
  type.tp_iternext = next_line;
  type.tp_methods = methods;
  return type;
}

PyTypeObject input_type = make_type();

Ref make(Call* call, bool always_empty) {
  Input* const input = PyObject_New(Input, &input_type);
  if (input == nullptr) return Ref();
  new (&input->ahead) std::string();
  input->ahead_used = 0;
  input->call = call;
  input->always_empty = always_empty;
  return Ref::steal(reinterpret_cast<PyObject*>(input));
}

}  // namespace

bool ready_input(const Gil&) { return PyType_Ready(&input_type) == 0; }

Ref make_input(const Gil&, Call* call) { return make(call, false); }
Ref make_empty_input(const Gil&) { return make(nullptr, true); }

void rewind_input(PyObject* input, Call* call) {
  Input* const self = self_of(input);
  self->call = call;
  self->ahead.clear();
  if (self->ahead.capacity() > 4 * kLineBlock) self->ahead.shrink_to_fit();
  self->ahead_used = 0;
}

void detach_input(PyObject* input) { rewind_input(input, nullptr); }

}  // namespace winghorn::wsgi
