// slot_thread.h: a Python thread's way in and out of the interpreter while it works for the engine.
//
// Made on a thread that Python started (the main thread or a threading.Thread), with the lock held;
// it then belongs to the engine until the object goes, and only take() and let_go() move the lock:
//
//   SlotThread thread;          // lock held
//   thread.let_go();            // the engine's own code runs
//   ... take() ... let_go() ... // as often as needed; both are cheap when there is nothing to do
//                               // destroyed: lock held again, back to Python
//
// The thread keeps its one PyThreadState for life, so thread-locals of Python code survive between
// requests. After fork() the child's copy is still right for the thread that forked.
// SPDX-License-Identifier: MIT
#pragma once

#include "python/gil/gil.h"

namespace winghorn::gil {

class SlotThread {
 public:
  SlotThread() noexcept;
  ~SlotThread();
  SlotThread(const SlotThread&) = delete;
  SlotThread& operator=(const SlotThread&) = delete;

  // The calling thread's, or null.
  static SlotThread* current() noexcept;

  bool holds() const noexcept { return saved_ == nullptr; }
  const Gil& take() noexcept {
    if (!holds()) restore();
    return Gil::held();
  }
  void let_go() noexcept {
    if (holds()) saved_ = PyEval_SaveThread();
  }

 private:
  void restore() noexcept;

  PyThreadState* saved_ = nullptr;  // not null while the lock is let go
  SlotThread* outer_;               // a test may nest them
};

}  // namespace winghorn::gil
