// access_recorder.h: says in the logs what became of an exchange.
//
// The loop's owner's; it writes into the log's ring and never waits.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/base/log_ring.h"
#include "core/http/exchange.h"
#include "core/log/access_log.h"

namespace winghorn {

class AccessRecorder {
 public:
  // Without a format there is no access log.
  explicit AccessRecorder(std::optional<log::AccessFormat> format) : format_(std::move(format)) {}

  // A slot ran it, or would have: one access line. The mark tells the arbiter that it needs to write none.
  void answered(const Exchange& exchange, Instant now, RingMark* mark = nullptr);
  // The protocol refused it: a WARNING with the reason, and an access line when it has a method.
  void refused(const Exchange& exchange, Instant now, RingMark* mark = nullptr);

 private:
  void write_line(const Exchange& exchange, Instant now, RingMark* mark);

  std::optional<log::AccessFormat> format_;
  std::string line_;
};

}  // namespace winghorn
