// SPDX-License-Identifier: MIT
#include "python/gil/slot_thread.h"

#include "core/base/check.h"

namespace winghorn::gil {
namespace {

thread_local SlotThread* this_thread = nullptr;

}  // namespace

SlotThread::SlotThread() noexcept : outer_(this_thread) {
  CHECK(PyGILState_Check());
  this_thread = this;
}

SlotThread::~SlotThread() {
  take();
  this_thread = outer_;
}

SlotThread* SlotThread::current() noexcept { return this_thread; }

void SlotThread::restore() noexcept {
  PyEval_RestoreThread(saved_);
  saved_ = nullptr;
}

}  // namespace winghorn::gil
