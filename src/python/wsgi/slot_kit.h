// slot_kit.h: what one slot's thread keeps between its requests.
//
// The Call, the caches of the environ, and the Python objects that every request gets. Those are
// given out again only when nobody has kept them (their reference count says so); a kept one is cut
// off from the Call and replaced. run() is one request from its exchange to the end of its reply.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/ref.h"
#include "python/wsgi/call.h"
#include "python/wsgi/environ.h"
#include "python/wsgi/stop_orders.h"

namespace winghorn::wsgi {

class SlotKit {
 public:
  // All of them outlive it.
  SlotKit(const gil::Gil& gil, const WsgiConfig& config, PyObject* callable, PyObject* errors,
          StopOrders& stop_orders);
  SlotKit(const SlotKit&) = delete;
  SlotKit& operator=(const SlotKit&) = delete;

  // False: it could not be made; a Python error is set.
  bool ready() const;
  void run(const gil::Gil& gil, Exchange& exchange, Slot& slot, gil::SlotThread& thread);

 private:
  bool make_function_objects(const gil::Gil& gil);
  void run_until_deadline(const gil::Gil& gil);
  void run_application(const gil::Gil& gil);
  void run_between_hooks(const gil::Gil& gil, PyObject* environ);
  void call_application(const gil::Gil& gil, PyObject* environ);
  void send(const gil::Gil& gil, PyObject* result);
  PyObject* input_for(const gil::Gil& gil, const Exchange& exchange, bool* failed);
  void take_back(const gil::Gil& gil);
  void replace(const gil::Gil& gil, gil::Ref& object, PyObject* key, void (*detach)(PyObject*),
               gil::Ref (*make)(const gil::Gil&, Call*));

  Call call_;
  PyObject* callable_;
  StopOrders& stop_orders_;
  gil::Ref empty_input_;
  gil::Ref write_;
  gil::Ref start_response_;
  gil::Ref early_hints_;          // also in the template
  gil::Ref client_socket_;        // also in the template
  gil::Ref deadline_;             // likewise
  gil::Ref client_disconnected_;  // likewise
  gil::Ref input_;                // of requests with a body; made when the first one comes
  EnvironMaker environ_;
};

}  // namespace winghorn::wsgi
