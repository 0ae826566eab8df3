// described.h: listening sockets, as the Python of hooks is told of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <nanobind/nanobind.h>

#include <vector>

#include "supervisor/worker_place.h"

namespace winghorn {

// (descriptor, "http://127.0.0.1:8000", host or path as bytes, port; 0: a Unix socket) of those that listen.
nanobind::list described(const std::vector<Listener>& listeners);

}  // namespace winghorn
