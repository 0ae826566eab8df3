// SPDX-License-Identifier: MIT
#include "python/wsgi/application.h"

#include <utility>

#include "core/base/check.h"
#include "core/http/error_page.h"
#include "python/gil/compat.h"
#include "python/gil/error_text.h"
#include "python/gil/forked_child.h"
#include "python/gil/slot_thread.h"
#include "python/wsgi/error_stream.h"
#include "python/wsgi/slot_kit.h"

namespace winghorn::wsgi {
namespace {

using gil::Gil;
using gil::Ref;

gil::SlotThread& this_slot_thread() {
  gil::SlotThread* const thread = gil::SlotThread::current();
  CHECK(thread != nullptr);
  return *thread;
}

const Gil& take_lock(gil::SlotThread& thread, Slot& slot) {
  if (thread.holds()) return thread.take();
  slot.wants_interpreter(true);
  const Gil& gil = thread.take();
  slot.wants_interpreter(false);
  return gil;
}

}  // namespace

WsgiApplication::WsgiApplication(const Gil& gil, WsgiConfig config)
    : config_(std::move(config)),
      callable_(Ref::share(config_.callable)),
      errors_(make_error_stream(gil, &config_.reports)),
      stop_orders_(gil, config_.slots),
      kits_(config_.slots) {
  CHECK(errors_);
  gil::watch_forks();
}

WsgiApplication::~WsgiApplication() { detach_error_stream(errors_.get()); }

// Null without memory for one; no Python error is left.
SlotKit* WsgiApplication::kit(const Gil& gil, unsigned slot) {
  // Perhaps made by a thread that had this slot before, and has ended.
  std::unique_ptr<SlotKit>& kit = kits_.at(slot);
  if (kit != nullptr) return kit.get();
  auto made = std::make_unique<SlotKit>(gil, config_, callable_.get(), errors_.get(), stop_orders_);
  if (!made->ready()) {
    if (const Ref error = gil::take_error(gil); error && config_.reports.error) {
      config_.reports.error(gil::traceback_text(gil, error.get()));
    }
    return nullptr;
  }
  kit = std::move(made);
  return kit.get();
}

void WsgiApplication::run(Exchange& exchange, Slot& slot) noexcept {
  gil::SlotThread& thread = this_slot_thread();
  const Gil& gil = take_lock(thread, slot);
  if (SlotKit* const kit = this->kit(gil, slot.number())) {
    kit->run(gil, exchange, slot, thread);
  } else {
    ErrorPage page = make_error_page(500, reason_phrase(500), {});
    exchange.reply.answer(std::move(page.head), page.body);
  }
  if (config_.reports.errors_flushed) config_.reports.errors_flushed();
}

void WsgiApplication::rest() noexcept { this_slot_thread().let_go(); }

void WsgiApplication::stop(unsigned slot, std::uint64_t exchange) noexcept {
  stop_orders_.want(slot, exchange);
}

void WsgiApplication::interrupted() noexcept {
  gil::SlotThread& thread = this_slot_thread();
  const bool held = thread.holds();
  const Gil& gil = thread.take();
  if (PyErr_CheckSignals() < 0) {
    const Ref exception = gil::take_error(gil);
    if (config_.reports.interrupted) config_.reports.interrupted(gil, exception.get());
  }
  if (!held) thread.let_go();
}

}  // namespace winghorn::wsgi
