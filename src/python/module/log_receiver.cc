// SPDX-License-Identifier: MIT
#include "python/module/log_receiver.h"

#include <algorithm>
#include <utility>

#include "core/base/log_ring.h"
#include "core/log/log.h"
#include "python/gil/error_text.h"

namespace nb = nanobind;

namespace winghorn {
namespace {

// The interpreter lock, whether the thread has it already or is none of Python's.
class Taken {
 public:
  Taken() : state_(PyGILState_Ensure()) {}
  ~Taken() { PyGILState_Release(state_); }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;

 private:
  PyGILState_STATE state_;
};

Result<log::Level> open(const nb::object& python_log) {
  const Taken gil;
  try {
    const int level = nb::cast<int>(python_log.attr("open")());
    return static_cast<log::Level>(std::clamp(level / 10, 1, 5) - 1);
  } catch (nb::python_error& error) {
    return Failure{gil::text_of(gil::Gil::held(), error.value().ptr()), 0};
  }
}

// It reports itself what loggers raise: what comes out is the interpreter's, which has no memory left or ends.
template <class... Arguments>
void tell(const nb::object& python_log, const char* method, const Arguments&... arguments) {
  try {
    python_log.attr(method)(arguments...);
  } catch (nb::python_error& error) {
    error.discard_as_unraisable(method);
  }
}

}  // namespace

std::shared_ptr<const log::Receiver> log_receiver(const nb::object& python_log) {
  log::Receiver made;
  made.open = [python_log] { return open(python_log); };
  made.take = [python_log](LogKind kind, Bytes lines) {
    const Taken gil;
    const nb::bytes text(lines.data(), lines.size());
    tell(python_log, kind == LogKind::Error ? "take_errors" : "take_access", text);
  };
  made.reopen = [python_log] {
    const Taken gil;
    tell(python_log, "reopen");
  };
  return std::make_shared<const log::Receiver>(std::move(made));
}

PythonLogger python_logger_of(const nb::object& generation) {
  const nb::object python_log = generation.attr("python_log");
  if (python_log.is_none()) return PythonLogger::None;
  return nb::cast<bool>(python_log.attr("takes_lines")()) ? PythonLogger::TakesLines
                                                          : PythonLogger::TakesRequests;
}

void stop_log_thread() {
  if (PyGILState_Check() == 0) return log::stop_thread();
  PyThreadState* const saved = PyEval_SaveThread();
  log::stop_thread();
  PyEval_RestoreThread(saved);
}

}  // namespace winghorn
