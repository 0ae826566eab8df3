// receiver.h: somebody else who takes the log's lines, instead of files.
//
// Python's logging, when it is configured; core/log only knows that it may be slow, and that any thread may call
// it. Error lines then are JSON with a message alone, access lines are AccessFormat::whole()'s.
// It must not log by log.h while it takes lines: what it says meanwhile goes to standard error.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "core/base/bytes.h"
#include "core/base/log_ring.h"
#include "core/base/result.h"
#include "core/log/log.h"

namespace winghorn::log {

struct Receiver {
  // It is the one from now on; may be said again. The least level that it wants.
  std::function<Result<Level>()> open;
  std::function<void(LogKind, Bytes)> take;  // whole lines
  std::function<void()> reopen;              // its files, after a rotation
};

}  // namespace winghorn::log
