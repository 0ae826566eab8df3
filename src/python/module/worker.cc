// SPDX-License-Identifier: MIT
#include "python/module/worker.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/fault_signals.h"
#include "core/config/make_settings.h"
#include "core/engine/engine.h"
#include "core/log/log.h"
#include "python/gil/error_text.h"
#include "python/gil/forked_child.h"
#include "python/gil/slot_thread.h"
#include "python/module/crash_signals.h"
#include "python/module/described.h"
#include "python/module/engine_settings_from.h"
#include "python/module/log_receiver.h"
#include "python/module/stack_dump.h"
#include "python/module/worker_signals.h"
#include "python/wsgi/application.h"
#include "python/wsgi/types.h"
#include "supervisor/identity.h"
#include "supervisor/own_listeners.h"

namespace nb = nanobind;

namespace winghorn {
namespace {

// The hooks of a worker that ends. They are run once: on the main thread if it comes so far, else, from the
// watchdog, on one of their own, which is left behind if the interpreter cannot be had.
class Farewell {
 public:
  explicit Farewell(nb::object server)
      : server_(std::move(server)), wanted_(nb::cast<bool>(server_.attr("has_farewell")())) {}

  void note_quick() { quick_.store(true); }
  void note_abort() { aborted_.store(true); }

  void say() {
    if (!wanted_ || begun_.exchange(true)) return;
    try {
      server_.attr("leave_worker")(quick_.load(), aborted_.load());
    } catch (nb::python_error& error) {
      log::error("Exception in leave_worker\n{}",
                 gil::traceback_text(gil::Gil::held(), error.value().ptr()));
    }
  }

  void say_from_elsewhere() {
    if (!wanted_ || begun_.load()) return;
    std::thread([this] {
      const PyGILState_STATE state = PyGILState_Ensure();
      say();
      PyGILState_Release(state);
      said_.release();
    }).detach();
    (void)said_.try_acquire_for(kPatience);
  }

 private:
  // The arbiter gives a worker that it has told to abort a second in all.
  static constexpr Millis kPatience{300};

  nb::object server_;
  const bool wanted_;
  std::atomic<bool> quick_{false};
  std::atomic<bool> aborted_{false};
  std::atomic<bool> begun_{false};
  std::binary_semaphore said_{0};
};

class ProcessEvents final : public WorkerEvents {
 public:
  using StartSlot = std::function<bool(unsigned slot)>;

  ProcessEvents(StackDump& dump, Farewell& farewell, StartSlot start_slot)
      : dump_(dump), farewell_(farewell), start_slot_(std::move(start_slot)) {}

  std::string stacks() override { return dump_.take(); }
  void ask_for_stacks() override { dump_.ask(); }
  std::optional<std::string> asked_stacks() override { return dump_.asked(); }
  bool start_slot(unsigned slot) override { return start_slot_(slot); }
  void reopen_logs() override { log::reopen(); }
  void quitting() override { farewell_.note_quick(); }
  void aborting() override { farewell_.note_abort(); }
  [[noreturn]] void leave(int code) override {
    farewell_.say_from_elsewhere();
    log::info("Worker exiting (pid: {})", ::getpid());
    stop_log_thread();
    ::_exit(code);
  }

 private:
  StackDump& dump_;
  Farewell& farewell_;
  StartSlot start_slot_;
};

std::vector<ListeningSocket> listening_sockets(std::vector<Listener>& listeners, int backlog) {
  std::vector<ListeningSocket> sockets;
  for (Listener& listener : listeners) {
    const ListenAddress& bound = listener.bound();
    const bool wildcard = bound.host == "0.0.0.0" || bound.host == "::" || bound.host.empty();
    ListeningSocket socket{listener.take_socket(), {},     {}, listener.is_unix(),
                           listener.is_own(),      backlog};
    if (socket.is_unix) {
      socket.address = bound.path;
    } else if (!wildcard) {
      socket.address = bound.host;
      socket.port = std::to_string(bound.port);
    }
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

// A handler that the application gave to Python's signal module raised.
void signal_handler_raised(Engine& engine, const gil::Gil& gil, PyObject* exception) {
  if (PyErr_GivenExceptionMatches(exception, PyExc_SystemExit) != 0) {
    return engine.order(WorkerOrder::Retire);
  }
  if (PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt) != 0) {
    return engine.order(WorkerOrder::Quit);
  }
  log::error("Exception in a signal handler\n{}", gil::traceback_text(gil, exception));
}

wsgi::WsgiConfig wsgi_config(const config::Settings& settings, const nb::object& application,
                             std::unique_ptr<Engine>& engine) {
  wsgi::WsgiConfig config;
  config.callable = application.ptr();
  config.multithread = settings.worker_class != config::WorkerClass::Sync;
  config.multiprocess = settings.workers > 1;
  config.sendfile = settings.sendfile;
  config.slots = static_cast<unsigned>(settings.threads) + settings.stuck_slots_limit;
  config.server_software = std::string("winghorn/") + WINGHORN_VERSION;
  config.reports.error = [](Bytes text) { log::say(log::Level::Error, text); };
  config.reports.warning = [](Bytes text) { log::say(log::Level::Warning, text); };
  config.reports.debug = [](Bytes text) {
    if (log::wanted(log::Level::Debug)) log::say(log::Level::Debug, text);
  };
  config.reports.errors_stream = log::say_raw;
  config.reports.errors_flushed = log::end_raw;
  config.reports.interrupted = [&engine](const gil::Gil& gil, PyObject* exception) {
    if (engine != nullptr) signal_handler_raised(*engine, gil, exception);
  };
  return config;
}

std::atomic<Engine*> forking_engine{nullptr};

// The application forks: its child must let go of what the kernel would otherwise keep open in its name,
// and from now on closing a connection must say so to the kernel, a child may hold it too.
void watch_application_forks(Engine& engine) {
  gil::watch_forks();
  forking_engine.store(&engine);
  ::pthread_atfork(
      nullptr, [] { forking_engine.load()->note_fork(); },
      [] {
        forget_signals_in_child();
        forget_crashes_in_child();
        forking_engine.load()->close_in_child();
      });
}

void start(Engine& engine, ProcessEvents& events, int lifeline) {
  // The very first request may end this process: it must not look like a boot that failed.
  const auto say_ready = [lifeline] { supervisor::say_ready(lifeline); };
  if (Status started = engine.start(say_ready); !started) {
    log::error("{}", started.error().text());
    events.leave(supervisor::kWorkerFailedToBoot);
  }
}

// Python's, so that it can be named, seen and has its thread-locals for life.
void start_slot_thread(Engine& engine, const nb::module_& helpers, unsigned slot) {
  helpers.attr("start_slot")(slot, nb::cpp_function([&engine](unsigned number) {
                               const SignalStack stack;
                               gil::SlotThread thread;
                               thread.let_go();
                               engine.run_slot(number);
                             }));
}

// On the main thread, which waits in the engine. False: there can be no more threads.
bool start_one_more(Engine& engine, const nb::module_& helpers, unsigned slot) {
  gil::SlotThread& main_thread = *gil::SlotThread::current();
  const gil::Gil& gil = main_thread.take();
  bool started = true;
  try {
    start_slot_thread(engine, helpers, slot);
  } catch (nb::python_error& error) {
    PyObject* const exception = error.value().ptr();
    started = PyErr_GivenExceptionMatches(exception, PyExc_RuntimeError) == 0;
    if (started) {  // a handler of the application's for a signal that came meanwhile
      signal_handler_raised(engine, gil, exception);
    } else {
      log::error("No thread for another slot: {}", gil::text_of(gil, exception));
    }
  }
  main_thread.let_go();
  return started;
}

// Serves until the worker is to go.
void serve_until_told(Engine& engine, const config::Settings& settings, const nb::module_& helpers,
                      ProcessEvents& events, int lifeline) {
  if (settings.worker_class == config::WorkerClass::Sync) {
    start(engine, events, lifeline);
    gil::SlotThread main_thread;
    main_thread.let_go();
    return engine.run_slot(0);
  }
  for (unsigned slot = 0; slot < static_cast<unsigned>(settings.threads); ++slot) {
    start_slot_thread(engine, helpers, slot);
  }
  gil::SlotThread main_thread;
  main_thread.let_go();
  engine.await_slots();
  start(engine, events, lifeline);
  engine.wait();
}

int boot_failed(const nb::python_error& error) {
  const nb::object value = nb::borrow(error.value());
  if (nb::hasattr(value, "code") && nb::hasattr(value, "text")) {
    log::error("{}", nb::str(value.attr("text")).c_str());
    return nb::cast<int>(value.attr("code"));
  }
  log::error("Exception in worker process\n{}", gil::traceback_text(gil::Gil::held(), value.ptr()));
  return supervisor::kWorkerFailedToBoot;
}

// Of this process, from the moment when it can serve; it stays as long as the process.
std::atomic<Engine*> serving_engine{nullptr};

int serve(supervisor::WorkerPlace& place, const config::Settings& settings,
          const EngineSettings& engine_settings, const nb::object& server, Farewell& farewell,
          const nb::object& application, const nb::module_& helpers) {
  const gil::Gil& gil = gil::Gil::held();
  StackDump dump;
  if (!dump.prepare(gil)) throw nb::python_error();
  const int lifeline = place.lifeline.get();
  Fd signal_pipe(nb::cast<int>(helpers.attr("open_signal_pipe")()));
  std::unique_ptr<Engine> engine;
  ProcessEvents events(dump, farewell, [&engine, &helpers](unsigned slot) {
    return start_one_more(*engine, helpers, slot);
  });
  const nb::object request_hooks = server.attr("request_hooks")();
  wsgi::WsgiConfig config = wsgi_config(settings, application, engine);
  config.script_name = engine_settings.script_name;
  if (!request_hooks.is_none()) config.request_hooks = request_hooks.ptr();
  wsgi::WsgiApplication bridge(gil, std::move(config));
  Result<std::unique_ptr<Engine>> made =
      Engine::create(engine_settings,
                     {place.board, place.seat, std::move(place.lifeline),
                      listening_sockets(place.listeners, settings.backlog),
                      std::move(place.siblings), std::move(signal_pipe)},
                     bridge, events);
  if (!made) {
    log::error("Can't serve: {}", made.error().text());
    return supervisor::kWorkerFailedToBoot;
  }
  engine = std::move(made).value();
  serving_engine.store(engine.get(), std::memory_order_release);
  watch_application_forks(*engine);
  if (!settings.logs_by_python) log::start_thread();
  install_serving_signals(*engine);
  const SignalStack stack;
  handle_crashes(*engine, place.arbiter);
  try {
    serve_until_told(*engine, settings, helpers, events, lifeline);
    farewell.say();
    helpers.attr("end")();
  } catch (const nb::python_error& error) {
    // Threads of ours run: from here the process ends, nothing is unwound.
    const int code = boot_failed(error);
    farewell.say();
    events.leave(code);
  }
  events.leave(0);
}

void must(const Status& status) {
  if (!status) throw std::runtime_error(status.error().text());
}

// After the hook that may still do what this user may, before any code that a visitor can reach.
void take_identity(const config::Settings& settings, pid_t arbiter) {
  const supervisor::Identity wanted{settings.user, settings.group, settings.initgroups};
  must(supervisor::assume_identity(wanted));
  // With the old identity the kernel forgets that this process goes with the arbiter.
  supervisor::end_with_arbiter(arbiter);
}

// Before the application is imported. The functions that a worker asks of Python.
nb::module_ prepare_interpreter(const config::Settings& settings) {
  nb::module_ helpers = nb::module_::import_("winghorn.worker");
  helpers.attr("begin")(std::chrono::duration<double>(settings.socket_timeout).count());
  return helpers;
}

std::atomic<int> lifeline_to_arbiter{-1};

}  // namespace

void note_progress() {
  Engine* const engine = serving_engine.load(std::memory_order_acquire);
  if (engine != nullptr) engine->note_progress();
}

bool ask_for_reload() { return supervisor::ask_for_reload(lifeline_to_arbiter.load()); }

int run_preload(const nb::object& generation, const nb::object& server, pid_t arbiter) {
  int code = supervisor::kWorkerFailedToBoot;
  try {
    const nb::object settings = generation.attr("settings");
    const auto& loaded = nb::cast<const config::LoadedSettings&>(settings);
    prepare_interpreter(loaded.settings);
    take_identity(loaded.settings, arbiter);
    server.attr("preload")(generation);
    code = 0;
  } catch (const nb::python_error& error) {
    code = boot_failed(error);
  } catch (const std::exception& error) {
    log::error("The application cannot be preloaded: {}", error.what());
  }
  return code;
}

int run_worker(supervisor::WorkerPlace& place, const nb::object& generation,
               const nb::object& server) {
  install_boot_signals(place.board.seat(place.seat), place.arbiter);
  lifeline_to_arbiter.store(place.lifeline.get());
  Farewell farewell(server);
  int code = supervisor::kWorkerFailedToBoot;
  try {
    const nb::object settings = generation.attr("settings");
    const auto& loaded = nb::cast<const config::LoadedSettings&>(settings);
    const nb::module_ helpers = prepare_interpreter(loaded.settings);
    if (!wsgi::set_up(gil::Gil::held())) throw nb::python_error();
    must(supervisor::bind_own(place.listeners));
    server.attr("enter_worker")(described(place.listeners));
    take_identity(loaded.settings, place.arbiter);
    // Python's logging writes nothing on this thread, and the import of the application may take its time.
    if (loaded.settings.logs_by_python) log::start_thread();
    const nb::object application = server.attr("load_application")(settings);
    EngineSettings engine = engine_settings_from(loaded.settings, python_logger_of(generation));
    engine.max_requests = nb::cast<std::uint64_t>(server.attr("request_limit")());
    code = serve(place, loaded.settings, engine, server, farewell, application, helpers);
  } catch (const nb::python_error& error) {
    code = boot_failed(error);
  } catch (const std::exception& error) {
    log::error("Worker failed to boot: {}", error.what());
  }
  farewell.say();
  stop_log_thread();
  return code;
}

}  // namespace winghorn
