// SPDX-License-Identifier: MIT
#include <nanobind/nanobind.h>

#include "python/module/config_binding.h"
#include "python/module/serving.h"
#include "python/module/status.h"
#include "python/timeouts/timeout_object.h"

NB_MODULE(_core, module) {
  // A worker ends by _exit and an arbiter with its process: what is alive then is no leak.
  nanobind::set_leak_warnings(false);
  module.attr("__version__") = WINGHORN_VERSION;
  winghorn::bind_config(module);
  winghorn::bind_serving(module);
  winghorn::bind_status(module);
  if (!winghorn::timeouts::add_timeouts_to(winghorn::gil::Gil::held(), module.ptr())) {
    throw nanobind::python_error();
  }
}
