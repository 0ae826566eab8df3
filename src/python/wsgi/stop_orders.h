// stop_orders.h: requests that are to come to an end, from the watchdog that says so to the main thread
// that sees to it.
//
// A slot that runs a request with a deadline says begin() and end(); want() may come at any time and from
// any thread without the lock. The main thread, knocked at, interrupts those that still run; one that has
// ended, or another one in its slot, is left alone.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "core/http/exchange.h"
#include "python/gil/interrupts.h"

namespace winghorn::wsgi {

class StopOrders {
 public:
  // The newest one is who answers knocks.
  StopOrders(const gil::Gil& gil, unsigned slots);
  ~StopOrders();
  StopOrders(const StopOrders&) = delete;
  StopOrders& operator=(const StopOrders&) = delete;

  void want(unsigned slot, std::uint64_t exchange) noexcept;

  // The slot's thread, with the lock. False: a Python error is set.
  bool begin(const gil::Gil& gil, unsigned slot, const Exchange& exchange);
  void end(const gil::Gil& gil, unsigned slot);

 private:
  struct Order {
    std::atomic<std::uint64_t> wanted{0};   // which exchange is to end
    std::atomic<std::uint64_t> stopped{0};  // which has been told: no more knocks
    const Exchange* running = nullptr;      // with the lock, as the next
    gil::Block block;
  };

  static bool carry_out(const gil::Gil& gil);
  static StopOrders* answering;  // with the lock

  std::vector<Order> orders_;  // by slot
};

}  // namespace winghorn::wsgi
