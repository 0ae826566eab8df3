// native_thread.h: a thread of ours beside the application's.
//
// It blocks all signals but its own faults: those are the main thread's, and Python's handlers run there.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "core/base/result.h"

namespace winghorn {

// `doing` is what a Failure says: "start the log thread".
Result<std::thread> start_native_thread(std::string doing, std::function<void()> run);

}  // namespace winghorn
