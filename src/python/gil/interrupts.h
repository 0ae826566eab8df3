// interrupts.h: stops Python code from outside, by an exception in the thread that runs it.
//
// A Block is a stretch of code that may run out of time: a request, a `with winghorn.timeout(...)`. The
// blocks of a thread are nested. interrupt() raises RequestTimeout in the block's thread, once for each
// block; nothing arrives after leave(): what had not arrived by then is taken back. One exception is on
// its way to a thread at a time, further blocks that are due wait for it. The one for a block is also that
// of the blocks inside it: they are on their way out, and cleaning up is not interrupted once more.
// On the main thread it travels as a signal (knock.h) and cuts blocking system calls short; who wants it to
// arrive interrupts again while it is pending(). On other threads it arrives at the next bytecode: a
// blocking call there comes to its end first, CPython knows no other way (PyThreadState_SetAsyncExc).
// RequestTimeout is a BaseException, so that `except Exception` does not swallow it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "python/gil/gil.h"

namespace winghorn::gil {

struct ThreadBlocks;

// Lies where it is until leave(). All functions need the lock.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block();

  // On the thread that is to be interrupted. `reason` is what the exception says; it may be changed until
  // the block is due. False: a Python error is set.
  bool enter(const Gil& gil);
  std::string reason;

  // Any thread. A block that is not entered, or was interrupted before, is left alone.
  void interrupt(const Gil& gil);
  bool running() const { return state_ == State::Running; }  // entered, and not due
  bool pending() const { return state_ == State::Due; }

  // True: RequestTimeout was raised for this block (its code may have caught it) and for none around it,
  // to which it would have to be passed on.
  bool leave(const Gil& gil);

 private:
  friend struct ThreadBlocks;
  // Passed: it gets none of its own any more, an outer one's came or the thread has ended.
  enum class State : std::uint8_t { Outside, Running, Due, Raised, Passed };

  State state_ = State::Outside;
  ThreadBlocks* thread_ = nullptr;
  Block* outer_ = nullptr;
};

// winghorn.exceptions.RequestTimeout, made by make_interrupts(). Called without arguments it says why the
// thread was interrupted.
PyObject* request_timeout_class();
// False: a Python error is set. A second time does nothing.
bool make_interrupts(const Gil& gil);
// On the thread that it is for: sets RequestTimeout as if it were the one for the outermost of the thread's
// blocks, which gets no other.
void raise_outermost(const Gil& gil, const std::string& reason);
// In a child that Python has forked, on the thread that forked: it is the main one now. False: an error is set.
bool adopt_main_thread(const Gil& gil);

}  // namespace winghorn::gil
