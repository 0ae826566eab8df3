// SPDX-License-Identifier: MIT
#include "python/wsgi/stop_orders.h"

#include <fmt/format.h>

#include "python/gil/knock.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;

std::string reason_for(Nanos limit) {
  const double seconds = std::chrono::duration<double>(limit).count();
  return fmt::format("the request has taken longer than {:g} s (setting request_timeout)", seconds);
}

}  // namespace

StopOrders* StopOrders::answering = nullptr;

StopOrders::StopOrders(const Gil& gil, unsigned slots) : orders_(slots) {
  answering = this;
  gil::on_knock(gil, carry_out);
}

StopOrders::~StopOrders() {
  if (answering == this) answering = nullptr;
}

void StopOrders::want(unsigned slot, std::uint64_t exchange) noexcept {
  if (slot >= orders_.size()) return;
  if (orders_[slot].stopped.load(std::memory_order_acquire) == exchange) return;
  orders_[slot].wanted.store(exchange, std::memory_order_release);
  gil::knock();
}

bool StopOrders::begin(const Gil& gil, unsigned slot, const Exchange& exchange) {
  Order& order = orders_.at(slot);
  order.running = &exchange;
  return order.block.enter(gil);
}

void StopOrders::end(const Gil& gil, unsigned slot) {
  Order& order = orders_.at(slot);
  order.running = nullptr;
  order.block.leave(gil);
}

// An errand of a knock. Those that follow it raise what became due on this very thread.
bool StopOrders::carry_out(const Gil& gil) {
  if (answering == nullptr) return true;
  for (Order& order : answering->orders_) {
    const std::uint64_t wanted = order.wanted.load(std::memory_order_acquire);
    if (order.running == nullptr || order.running->id() != wanted) continue;
    if (order.block.running()) order.block.reason = reason_for(order.running->deadline.limit());
    order.block.interrupt(gil);
    if (!order.block.pending()) order.stopped.store(wanted, std::memory_order_release);
  }
  return true;
}

}  // namespace winghorn::wsgi
