// outlets.h: the two sinks of a process, and which of them a record is for.
//
// A forked process takes them over by Sink::inherit(). One thread at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/log_ring.h"
#include "core/log/sink.h"

namespace winghorn::log {

struct Outlets {
  Sink errors = Sink::standard(2);
  Sink access;

  Sink& of(LogKind kind) { return kind == LogKind::Error ? errors : access; }
  // Then lines must keep their order across the kinds too.
  bool share_a_place() const { return access.on() && errors.same_place_as(access); }
};

}  // namespace winghorn::log
