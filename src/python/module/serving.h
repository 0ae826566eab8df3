// serving.h: _core.serve(): the whole server, from checked settings to an exit status.
//
// The only place that knows the arbiter, the worker and Python at once. Runs the arbiter in this process
// with the interpreter lock held but for the time in which it waits; workers are forked from within.
// SPDX-License-Identifier: MIT
#pragma once

#include <nanobind/nanobind.h>

namespace winghorn {

void bind_serving(nanobind::module_& module);

}  // namespace winghorn
