// log_receiver.h: the log's lines on their way into Python's logging (winghorn.python_log).
//
// Lines are handed over with the interpreter lock held, in a worker on its log thread: who stops that thread
// must let go of the lock first.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "core/log/receiver.h"
#include "python/gil/gil.h"
#include "python/module/engine_settings_from.h"
// nanobind wants Python.h before it.
#include <nanobind/nanobind.h>

namespace winghorn {

// `python_log` is a PythonLog.
std::shared_ptr<const log::Receiver> log_receiver(const nanobind::object& python_log);

// `generation` is a Generation; its python_log may be None.
PythonLogger python_logger_of(const nanobind::object& generation);

// With the interpreter lock or without it.
void stop_log_thread();

}  // namespace winghorn
