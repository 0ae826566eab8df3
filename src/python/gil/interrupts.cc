// SPDX-License-Identifier: MIT
#include "python/gil/interrupts.h"

#include <atomic>
#include <utility>

#include "core/base/check.h"
#include "python/gil/error_text.h"
#include "python/gil/knock.h"
#include "python/gil/ref.h"

namespace winghorn::gil {

// A thread's blocks, innermost first; touched with the lock held. A generator may keep a block, and with it
// this, beyond the end of its thread.
struct ThreadBlocks {
  Block* innermost = nullptr;
  Block* on_its_way = nullptr;  // whose exception has been sent to this thread and not yet made
  std::string reason;           // of that one
  unsigned long ident = 0;
  bool is_main = false;
  std::atomic<bool> has_ended{false};  // its ident may be another thread's by now

  void push(Block& block);
  void remove(Block& block);
  Block* outermost_due() const;
  static bool is_raised_around(const Block& block);
  static Block* outer_of(const Block& block) { return block.outer_; }
  void send(Block& block);
  void take_back();
  void arrive(Block& block);
  bool raise_due(const Gil& gil);
};

namespace {

ThreadBlocks* main_blocks = nullptr;
PyObject* timeout_class = nullptr;

// At the end of a thread: nothing is sent to it any more.
struct OwnBlocks {
  ThreadBlocks* blocks = nullptr;  // made when the first block is entered
  ~OwnBlocks() {
    if (blocks == nullptr) return;
    blocks->has_ended.store(true, std::memory_order_release);
    if (blocks->innermost == nullptr && blocks != main_blocks) delete blocks;
  }
};
thread_local OwnBlocks own;

// The errand of a knock: raises on the main thread what is due there.
bool raise_on_main_thread(const Gil& gil) {
  return main_blocks == nullptr || main_blocks->raise_due(gil);
}

// RequestTimeout(): made by the interpreter when a sent exception arrives, on the thread it was sent to.
PyObject* init_timeout(PyObject* self, PyObject* arguments, PyObject* keywords) {
  Ref given = Ref::share(arguments);
  if (PyTuple_GET_SIZE(arguments) == 0 && own.blocks != nullptr &&
      own.blocks->on_its_way != nullptr) {
    own.blocks->arrive(*std::exchange(own.blocks->on_its_way, nullptr));
    given = Ref::steal(Py_BuildValue("(s)", own.blocks->reason.c_str()));
    if (!given) return nullptr;
  }
  auto* const base = reinterpret_cast<PyTypeObject*>(PyExc_BaseException);
  if (base->tp_init(self, given.get(), keywords) < 0) return nullptr;
  Py_RETURN_NONE;
}

// The C API keeps functions of every shape under one type; the flags say which it is.
PyMethodDef init_definition{
    "__init__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(init_timeout)),
    METH_VARARGS | METH_KEYWORDS, nullptr};

constexpr const char* kTimeoutDoc =
    "The time of a request is over, and its client has been answered. A BaseException, so that\n"
    "``except Exception`` does not swallow it: let it pass, after cleaning up.";

void receive_knocks(const Gil& gil, ThreadBlocks& blocks) {
  blocks.is_main = true;
  main_blocks = &blocks;
  on_knock(gil, raise_on_main_thread);
}

// The calling thread's. Null: a Python error is set.
ThreadBlocks* own_blocks(const Gil& gil) {
  if (own.blocks != nullptr) return own.blocks;
  const bool is_main = on_main_thread(gil);
  if (PyErr_Occurred() != nullptr || (is_main && !install_knock(gil))) return nullptr;
  own.blocks = new ThreadBlocks;
  own.blocks->ident = PyThread_get_thread_ident();
  if (is_main) receive_knocks(gil, *own.blocks);
  return own.blocks;
}

}  // namespace

void ThreadBlocks::push(Block& block) {
  block.thread_ = this;
  block.outer_ = std::exchange(innermost, &block);
  block.state_ = Block::State::Running;
}

// Mostly the innermost; a generator may leave its block after one that was entered later.
void ThreadBlocks::remove(Block& block) {
  Block** place = &innermost;
  while (*place != nullptr && *place != &block) place = &(*place)->outer_;
  if (*place != nullptr) *place = block.outer_;
  block.outer_ = nullptr;
}

Block* ThreadBlocks::outermost_due() const {
  Block* due = nullptr;
  for (Block* block = innermost; block != nullptr; block = block->outer_) {
    if (block->state_ == Block::State::Due) due = block;
  }
  return due;
}

bool ThreadBlocks::is_raised_around(const Block& block) {
  for (const Block* outer = block.outer_; outer != nullptr; outer = outer->outer_) {
    if (outer->state_ == Block::State::Raised) return true;
  }
  return false;
}

void ThreadBlocks::send(Block& block) {
  if (is_main) return knock();
  if (on_its_way != nullptr) return;
  if (has_ended.load(std::memory_order_acquire) ||
      PyThreadState_SetAsyncExc(ident, timeout_class) != 1) {
    block.state_ = Block::State::Passed;
    return;
  }
  block.state_ = Block::State::Raised;
  on_its_way = &block;
  reason = block.reason;
}

// What has been sent and has not arrived.
void ThreadBlocks::take_back() {
  on_its_way = nullptr;
  if (is_main || has_ended.load(std::memory_order_acquire)) return;
  PyThreadState_SetAsyncExc(ident, nullptr);
}

// Those inside of it are left by the same exception.
void ThreadBlocks::arrive(Block& block) {
  block.state_ = Block::State::Raised;
  for (Block* inner = innermost; inner != nullptr && inner != &block; inner = inner->outer_) {
    if (inner->state_ != Block::State::Raised) inner->state_ = Block::State::Passed;
  }
}

bool ThreadBlocks::raise_due(const Gil&) {
  Block* const block = outermost_due();
  if (block == nullptr) return true;
  arrive(*block);
  const Ref text = Ref::steal(PyUnicode_FromString(block->reason.c_str()));
  if (text) PyErr_SetObject(timeout_class, text.get());
  return false;
}

Block::~Block() { CHECK(state_ == State::Outside); }

bool Block::enter(const Gil& gil) {
  CHECK(state_ == State::Outside);
  ThreadBlocks* const thread = own_blocks(gil);
  if (thread == nullptr) return false;
  thread->push(*this);
  return true;
}

void Block::interrupt(const Gil&) {
  if (state_ == State::Running) state_ = State::Due;
  if (state_ == State::Due) thread_->send(*this);
}

bool Block::leave(const Gil&) {
  if (state_ == State::Outside) return false;
  ThreadBlocks& thread = *thread_;
  bool was_raised = state_ == State::Raised && !ThreadBlocks::is_raised_around(*this);
  thread.remove(*this);
  state_ = State::Outside;
  const bool on_its_way = thread.on_its_way == this;
  // The mark is gone, and the exception is not, when the application has made one of its own meanwhile.
  if (on_its_way || (was_raised && thread.on_its_way == nullptr)) thread.take_back();
  if (on_its_way) was_raised = false;
  if (Block* const due = thread.outermost_due()) thread.send(*due);
  return was_raised;
}

PyObject* request_timeout_class() { return timeout_class; }

void raise_outermost(const Gil& gil, const std::string& reason) {
  set_error_text(gil, timeout_class, reason);
  if (own.blocks == nullptr || own.blocks->innermost == nullptr) return;
  Block* outermost = own.blocks->innermost;
  while (Block* const outer = own.blocks->outer_of(*outermost)) outermost = outer;
  if (own.blocks->on_its_way != nullptr) own.blocks->take_back();
  own.blocks->arrive(*outermost);
}

bool make_interrupts(const Gil&) {
  if (timeout_class != nullptr) return true;
  Ref made = Ref::steal(PyErr_NewExceptionWithDoc("winghorn.exceptions.RequestTimeout", kTimeoutDoc,
                                                  PyExc_BaseException, nullptr));
  if (!made) return false;
  const Ref init =
      Ref::steal(PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(made.get()), &init_definition));
  if (!init || PyObject_SetAttrString(made.get(), "__init__", init.get()) < 0) return false;
  timeout_class = made.release();
  return true;
}

// The one that was the main thread is not in this process, and its blocks are nobody's.
bool adopt_main_thread(const Gil& gil) {
  if (own.blocks == main_blocks) return true;
  main_blocks = nullptr;
  if (own.blocks == nullptr) return true;
  if (!install_knock(gil)) return false;
  receive_knocks(gil, *own.blocks);
  return true;
}

}  // namespace winghorn::gil
