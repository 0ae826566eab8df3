// SPDX-License-Identifier: MIT
#include "python/wsgi/slot_kit.h"

#include "python/gil/compat.h"
#include "python/gil/names.h"
#include "python/wsgi/application.h"
#include "python/wsgi/client_socket.h"
#include "python/wsgi/deadline_object.h"
#include "python/wsgi/failure.h"
#include "python/wsgi/input.h"
#include "python/wsgi/request_callable.h"
#include "python/wsgi/result.h"

namespace winghorn::wsgi {

using gil::Gil;
using gil::Ref;

SlotKit::SlotKit(const Gil& gil, const WsgiConfig& config, PyObject* callable, PyObject* errors,
                 StopOrders& stop_orders)
    : call_(config),
      callable_(callable),
      stop_orders_(stop_orders),
      empty_input_(make_empty_input(gil)),
      early_hints_(make_early_hints(gil, &call_)),
      client_socket_(make_client_socket(gil, &call_)),
      deadline_(make_deadline_object(gil, &call_)),
      client_disconnected_(make_client_disconnected(gil, &call_)),
      environ_(gil, config,
               {errors, empty_input_.get(), early_hints_.get(), client_socket_.get(),
                deadline_.get(), client_disconnected_.get()}) {
  make_function_objects(gil);
}

bool SlotKit::ready() const {
  return empty_input_ && early_hints_ && client_socket_ && deadline_ && client_disconnected_ &&
         start_response_ && environ_.ready();
}

bool SlotKit::make_function_objects(const Gil& gil) {
  write_ = make_write(gil, &call_);
  start_response_ = write_ ? make_start_response(gil, &call_, write_.get()) : Ref();
  return static_cast<bool>(start_response_);
}

void SlotKit::run(const Gil& gil, Exchange& exchange, Slot& slot, gil::SlotThread& thread) {
  call_.begin(exchange, slot, thread);
  if (start_response_ || make_function_objects(gil)) {
    run_until_deadline(gil);
  } else {
    answer_failure(gil, call_);
  }
  take_back(gil);
  call_.end();
}

// Without a deadline nobody may interrupt it.
void SlotKit::run_until_deadline(const Gil& gil) {
  if (!call_.exchange().deadline.is_set()) return run_application(gil);
  const unsigned slot = call_.slot().number();
  if (stop_orders_.begin(gil, slot, call_.exchange())) {
    run_application(gil);
  } else {
    answer_failure(gil, call_);
  }
  stop_orders_.end(gil, slot);
}

void SlotKit::run_application(const Gil& gil) {
  bool failed = false;
  PyObject* const input = input_for(gil, call_.exchange(), &failed);
  if (failed) return answer_failure(gil, call_);
  const MadeEnviron environ = environ_.make(gil, call_.exchange(), input);
  if (!environ.dict) {
    if (environ.refusal.empty()) return answer_failure(gil, call_);
    return answer_refusal(gil, call_, environ.refusal);
  }
  if (call_.config().request_hooks != nullptr) return run_between_hooks(gil, environ.dict.get());
  call_application(gil, environ.dict.get());
}

// The client has its answer before after() is called: a hook that takes long is nobody's delay.
void SlotKit::run_between_hooks(const Gil& gil, PyObject* environ) {
  const gil::Names& n = gil::names();
  PyObject* const hooks = call_.config().request_hooks;
  const Ref request = Ref::steal(PyObject_CallMethodOneArg(hooks, n.before, environ));
  if (!request) return answer_failure(gil, call_);
  const Ref must_close = Ref::steal(PyObject_GetAttr(request.get(), n.must_close));
  const int is_true = must_close ? PyObject_IsTrue(must_close.get()) : -1;
  if (is_true < 0) return answer_failure(gil, call_);
  call_.set_must_close(is_true == 1);
  call_application(gil, environ);
  call_.slot().published(call_.exchange());
  PyObject* const status = call_.status_object() != nullptr ? call_.status_object() : Py_None;
  PyObject* const headers = call_.headers_object() != nullptr ? call_.headers_object() : Py_None;
  const Ref sent = Ref::steal(PyLong_FromUnsignedLongLong(call_.written()));
  if (!sent) return PyErr_Clear();  // what is kept is replaced by the next request's
  PyObject* const arguments[] = {hooks, request.get(), environ, status, headers, sent.get()};
  const Ref done = Ref::steal(PyObject_VectorcallMethod(n.after, arguments, 6, nullptr));
  if (!done) PyErr_WriteUnraisable(hooks);
  call_.forget_head_objects();
}

void SlotKit::call_application(const Gil& gil, PyObject* environ) {
  PyObject* arguments[] = {nullptr, environ, start_response_.get()};
  const Ref result = Ref::steal(
      PyObject_Vectorcall(callable_, arguments + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
  if (gil::in_forked_child()) gil::end_forked_child();
  if (!result) return answer_failure(gil, call_);
  send(gil, result.get());
}

void SlotKit::send(const Gil& gil, PyObject* result) {
  if (!send_result(gil, call_, result)) answer_failure(gil, call_);
  if (gil::in_forked_child()) gil::end_forked_child();
  close_result(gil, call_, result);
  if (gil::in_forked_child()) gil::end_forked_child();
}

// Null for a request without a body: the template has the empty one.
PyObject* SlotKit::input_for(const Gil& gil, const Exchange& exchange, bool* failed) {
  if (!exchange.head.has_body()) return nullptr;
  if (input_) {
    rewind_input(input_.get(), &call_);
  } else {
    input_ = make_input(gil, &call_);
    *failed = !input_;
  }
  return input_.get();
}

void SlotKit::take_back(const Gil& gil) {
  if (!gil::only_ours(start_response_.get(), 1) || !gil::only_ours(write_.get(), 2)) {
    // Made again by the next request, so that running out of memory is that one's trouble.
    if (start_response_) detach_callable(start_response_.get());
    start_response_.reset();
    write_.reset();
  }
  if (input_ && !gil::only_ours(input_.get(), 1)) {
    detach_input(input_.get());
    input_.reset();
  }
  const gil::Names& n = gil::names();
  if (!gil::only_ours(early_hints_.get(), 2)) {
    replace(gil, early_hints_, n.wsgi_early_hints, detach_callable, make_early_hints);
  }
  if (!gil::only_ours(client_socket_.get(), 2) || !is_untouched(client_socket_.get())) {
    replace(gil, client_socket_, n.gunicorn_socket, detach_client_socket, make_client_socket);
  }
  if (!gil::only_ours(deadline_.get(), 2)) {
    replace(gil, deadline_, n.deadline, detach_deadline_object, make_deadline_object);
  }
  if (!gil::only_ours(client_disconnected_.get(), 2)) {
    replace(gil, client_disconnected_, n.client_disconnected, detach_callable,
            make_client_disconnected);
  }
  if (PyErr_Occurred()) PyErr_WriteUnraisable(callable_);
}

// The application has kept it: that one is cut off, and later requests get another. Without memory for
// another the detached one stays, which only raises.
void SlotKit::replace(const Gil& gil, Ref& object, PyObject* key, void (*detach)(PyObject*),
                      Ref (*make)(const Gil&, Call*)) {
  detach(object.get());
  Ref made = make(gil, &call_);
  if (made && environ_.replace(gil, key, made.get())) object = std::move(made);
}

}  // namespace winghorn::wsgi
