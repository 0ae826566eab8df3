// application.h: what the engine calls when a request is ready.
//
// Implemented in python/ (the arrow points inward) and by fakes in tests. run() is called on a slot's
// thread, outside the loop; it may block and take locks, and it answers through the exchange alone.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/http/exchange.h"

namespace winghorn {

class Application {
 public:
  virtual ~Application() = default;

  // Runs the request to its end. Afterwards exchange.reply.ended() holds, whatever the application did.
  virtual void run(Exchange& exchange, Slot& slot) noexcept = 0;

  // This thread may now block in the engine: let go of what run() kept for the next request.
  virtual void rest() noexcept {}

  // Any thread, without a lock: `exchange`, run by `slot`, is to come to an end, its client has been answered.
  // Does what the language allows, soon; nothing when that slot runs another one by then. It may be
  // asked for again, in case it went unheard.
  virtual void stop(unsigned slot, std::uint64_t exchange) noexcept {
    (void)slot;
    (void)exchange;
  }

  // A signal handler ran on this thread while it waited in the engine.
  virtual void interrupted() noexcept {}
};

}  // namespace winghorn
