// application.h: runs WSGI applications (PEP 3333) for the engine.
//
// One object for a worker, shared by its slots. Each slot's thread must have made a gil::SlotThread
// before its first run(); caches are kept for each slot, whatever thread it has.
// run() takes the interpreter lock when the thread does not hold it and keeps it afterwards, for
// the next request; rest() lets go of it. While a request waits for its client (body, room in the
// reply) the lock is let go.
//
// Whatever the application does (raises, exits, returns nonsense, never answers, forks), run()
// returns with exchange.reply.ended() and without a pending Python error; the application's close()
// has been called exactly once. In a child that the application forked run() does not return
// (forked_child.h). Objects that the application kept (wsgi.input, start_response, …) are cut off
// from the exchange first.
//
// Construct and destroy it with the lock held, after set_up() (types.h).
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/http/application.h"
#include "python/gil/gil.h"
#include "python/gil/ref.h"
#include "python/wsgi/stop_orders.h"

namespace winghorn::wsgi {

class SlotKit;

// What the bridge tells the rest of the server. All are called with the interpreter lock held, from
// any slot's thread; none may block. An empty function is left out.
struct Reports {
  std::function<void(Bytes text)> error;  // whole records; tracebacks are on the following lines
  std::function<void(Bytes text)> warning;
  std::function<void(Bytes text)> debug;
  std::function<void(Bytes text)> errors_stream;  // wsgi.errors, as written, in UTF-8
  std::function<void()> errors_flushed;  // by the application, and at the end of each request
  // A signal handler of Python raised while the thread waited in the engine.
  std::function<void(const gil::Gil&, PyObject* exception)> interrupted;
};

struct WsgiConfig {
  PyObject* callable = nullptr;  // shared; a reference is taken
  bool multithread = false;
  bool multiprocess = false;
  bool sendfile = true;
  std::string server_software = "winghorn";
  std::string script_name;  // $SCRIPT_NAME
  unsigned slots = 1;       // the most that the worker will have
  // With before(environ) -> request and after(request, environ, status, headers, sent); shared, null:
  // nobody wants to be told of requests. What before() raises is the application's error.
  PyObject* request_hooks = nullptr;
  Reports reports;
};

class WsgiApplication final : public Application {
 public:
  WsgiApplication(const gil::Gil& gil, WsgiConfig config);
  ~WsgiApplication() override;
  WsgiApplication(const WsgiApplication&) = delete;
  WsgiApplication& operator=(const WsgiApplication&) = delete;

  void run(Exchange& exchange, Slot& slot) noexcept override;
  void rest() noexcept override;
  void interrupted() noexcept override;
  void stop(unsigned slot, std::uint64_t exchange) noexcept override;

 private:
  SlotKit* kit(const gil::Gil& gil, unsigned slot);

  WsgiConfig config_;
  gil::Ref callable_;
  gil::Ref errors_;  // the wsgi.errors of all requests
  StopOrders stop_orders_;
  std::vector<std::unique_ptr<SlotKit>> kits_;  // by slot; each touched by its slot's thread alone
};

}  // namespace winghorn::wsgi
