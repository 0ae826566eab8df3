// SPDX-License-Identifier: MIT
#include "python/module/serving.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config/make_settings.h"
#include "core/config/settings_table.h"
#include "core/http/spill_check.h"
#include "core/log/log.h"
#include "core/scoreboard/scoreboard.h"
#include "python/gil/error_text.h"
#include "python/module/described.h"
#include "python/module/engine_settings_from.h"
#include "python/module/log_receiver.h"
#include "python/module/status.h"
#include "python/module/worker.h"
#include "python/wsgi/types.h"
#include "supervisor/arbiter.h"

namespace nb = nanobind;

namespace winghorn {
namespace {

// Calls a method of the server object. It reports itself what a user's hook raises; what reaches us is
// a fault of its own, and not to be lost.
template <class... Arguments>
nb::object tell(const nb::object& server, const char* method, const Arguments&... arguments) {
  try {
    return server.attr(method)(arguments...);
  } catch (nb::python_error& error) {
    log::error("Exception in {}\n{}", method,
               gil::traceback_text(gil::Gil::held(), error.value().ptr()));
    return nb::bool_(false);
  }
}

template <class... Arguments>
bool ask(const nb::object& server, const char* method, const Arguments&... arguments) {
  return nb::cast<bool>(tell(server, method, arguments...));
}

BindOptions bind_options(const config::Settings& settings, const supervisor::Identity& identity) {
  BindOptions options{settings.backlog, static_cast<mode_t>(settings.umask)};
  options.reuse_port = settings.reuse_port;
  if (!identity.is_own()) options.owner = FileOwner{identity.user, identity.group};
  return options;
}

supervisor::ArbiterSettings arbiter_settings(const nb::object& server,
                                             const nb::object& generation) {
  const nb::object object = generation.attr("settings");
  const auto& settings = nb::cast<const config::LoadedSettings&>(object).settings;
  supervisor::ArbiterSettings made;
  made.addresses = settings.bind;
  made.identity = {settings.user, settings.group, settings.initgroups};
  made.bind = bind_options(settings, made.identity);
  made.workers = static_cast<unsigned>(settings.workers);
  made.threads = static_cast<unsigned>(settings.threads);
  // An application that was promised one thread is not given a second one.
  const bool has_spares = settings.worker_class != config::WorkerClass::Sync;
  made.stuck_slots_limit = has_spares ? settings.stuck_slots_limit : 0;
  made.timeout = settings.timeout.value_or(Seconds(0));
  made.graceful_timeout = settings.graceful_timeout;
  made.worker_class = settings.worker_class_name;
  made.log = {settings.errorlog, settings.accesslog.value_or(""), settings.capture_output};
  if (made.identity.user != ::geteuid()) made.log.wary_of = made.identity.user;
  if (settings.logs_by_python) made.log.receiver = log_receiver(generation.attr("python_log"));
  made.access_format = access_format_from(settings, python_logger_of(generation));
  made.log_level = log::level_named(settings.loglevel).value_or(log::Level::Info);
  made.log_format = log::format_named(settings.log_format).value_or(log::Format::Text);
  made.measures_backlog = settings.backlog_metric;
  made.proc_name = settings.proc_name;
  made.pidfile = settings.pidfile;
  made.daemon = settings.daemon;
  made.config_file = settings.config_file;
  made.warnings = settings.warnings;
  if (std::string warning = spill_warning(spill_directory(settings)); !warning.empty()) {
    made.warnings.push_back(std::move(warning));
  }
  made.adopted = [server, generation] { tell(server, "adopt", generation); };
  made.about_to_fork = [server, generation](unsigned age) {
    tell(server, "before_fork", generation, age);
  };
  if (settings.preload_app) {
    made.preload_main = [generation, server](pid_t arbiter) {
      return run_preload(generation, server, arbiter);
    };
  }
  made.worker_main = [generation, server](supervisor::WorkerPlace& place) {
    return run_worker(place, generation, server);
  };
  return made;
}

// The Python around the arbiter: what it needs before and after a fork and a wait, and on HUP.
class Interpreter {
 public:
  explicit Interpreter(nb::object server) : server_(std::move(server)) {}

  supervisor::Hooks hooks() {
    supervisor::Hooks hooks;
    hooks.before_fork = [] { PyOS_BeforeFork(); };
    hooks.after_fork_parent = [] { PyOS_AfterFork_Parent(); };
    hooks.after_fork_child = [] { PyOS_AfterFork_Child(); };
    hooks.before_wait = [this] { saved_ = PyEval_SaveThread(); };
    hooks.after_wait = [this] { PyEval_RestoreThread(saved_); };
    hooks.reload = [this] { return reload(); };
    hooks.start_again = [this](const supervisor::Variables& variables) {
      nb::dict more;
      for (const auto& [name, value] : variables) more[name.c_str()] = nb::str(value.c_str());
      tell(server_, "start_again", more);
    };
    hooks.count_changed = [this](unsigned now, std::optional<unsigned> before) {
      const nb::object old = before ? nb::object(nb::int_(*before)) : nb::none();
      return ask(server_, "count_changed", now, old);
    };
    hooks.starting = [this] { return ask(server_, "starting"); };
    hooks.listening = [this](const std::vector<Listener>& all) {
      tell(server_, "listening", described(all));
    };
    hooks.ready = [this] { return ask(server_, "ready"); };
    hooks.workers_wanted = [this]() -> std::optional<unsigned> {
      const nb::object count = tell(server_, "workers_wanted");
      return count.is_none() ? std::nullopt : std::optional(nb::cast<unsigned>(count));
    };
    hooks.heir_changed = [this](pid_t pid) { tell(server_, "heir_changed", pid); };
    hooks.forked = [this](pid_t pid) { tell(server_, "forked", pid); };
    hooks.gone = [this](pid_t pid) { tell(server_, "gone", pid); };
    hooks.backlog_measured = [this](unsigned waiting) {
      tell(server_, "measure_backlog", waiting);
    };
    hooks.reloaded = [this] { tell(server_, "reloaded"); };
    hooks.stopped = [this] { tell(server_, "stopped"); };
    return hooks;
  }

 private:
  Result<supervisor::ArbiterSettings> reload() {
    try {
      return arbiter_settings(server_, server_.attr("reload")());
    } catch (nb::python_error& error) {
      return Failure{gil::text_of(gil::Gil::held(), error.value().ptr()), 0};
    }
  }

  nb::object server_;
  PyThreadState* saved_ = nullptr;
};

int fail(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  return 1;
}

// TTIN and reloads change how many workers there are and how many threads each has; shared memory cannot
// grow, and where memory is not overcommitted what is reserved counts. So there is room for four times the
// workers that were asked for, in two generations, and twice the threads, those that replace stuck ones
// among them; never for less than a small server might want, nor more than the settings allow.
Result<Scoreboard> reserve_scoreboard(const supervisor::ArbiterSettings& settings) {
  constexpr unsigned kFewestSeats = 128;
  constexpr unsigned kFewestThreads = 64;
  const auto most_threads = static_cast<unsigned>(config::find_setting("threads")->most +
                                                  config::find_setting("stuck_slots_limit")->most);
  const unsigned seats = std::clamp(8 * settings.workers, kFewestSeats, Scoreboard::kMostSeats);
  const unsigned threads =
      std::clamp(2 * (settings.threads + settings.stuck_slots_limit), kFewestThreads, most_threads);
  return Scoreboard::create(seats, threads);
}

int serve(const nb::object& server) {
  supervisor::ArbiterSettings settings = arbiter_settings(server, server.attr("generation"));
  Status opened = log::open(settings.log, settings.log_level, settings.log_format);
  // What a sink says is gunicorn's line, what Python's logging says is not.
  const std::string_view prefix = settings.log.receiver != nullptr ? "Error: " : "";
  if (!opened) return fail(std::string(prefix) + opened.error().text());
  Result<Scoreboard> board = reserve_scoreboard(settings);
  if (!board) return fail("Error: " + board.error().text());
  Interpreter interpreter(server);
  show_status_of(&board.value());
  const int status =
      supervisor::run_arbiter(std::move(settings), interpreter.hooks(), board.value());
  show_status_of(nullptr);
  return status;
}

void say(int level, const std::string& text) {
  // Python's levels: 10 debug, 20 info, 30 warning, 40 error, 50 critical.
  const int step = std::clamp(level / 10, 1, 5) - 1;
  if (log::wanted(static_cast<log::Level>(step))) log::say(static_cast<log::Level>(step), text);
}

}  // namespace

void bind_serving(nb::module_& module) {
  module.def("serve", &serve, nb::arg("server"));
  module.def("say", [](int level, nb::handle text) {
    say(level, gil::text_of(gil::Gil::held(), text.ptr()));
  });
  module.def("say_access", [](nb::handle text) {
    log::say_access(gil::text_of(gil::Gil::held(), text.ptr()) + "\n");
  });
  module.def("ask_for_reload", &ask_for_reload);
  module.def("note_progress", &note_progress);
  module.def("log_level", [] { return (static_cast<int>(log::lowest_wanted.load()) + 1) * 10; });
  if (!wsgi::set_up(gil::Gil::held()) ||
      wsgi::make_exceptions(gil::Gil::held(), module.ptr()) == nullptr) {
    throw nb::python_error();
  }
}

}  // namespace winghorn
