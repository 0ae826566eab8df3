// fiber.h: a body of code with a stack of its own, run by hand on one thread.
//
// switch_to() leaves the running fiber where it is and goes on in another one. A fiber runs one body after
// another on the same stack: start() it, switch to it; what the body returns is the fiber to go on in. AddressSanitizer is told of every switch. Not for ThreadSanitizer, which
// has nothing to find where there is one thread.
// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace winghorn::testing {

class Fiber {
 public:
  // Stands for the thread's own stack.
  Fiber() {
    pthread_attr_t attributes;
    void* bottom = nullptr;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &bottom, &size_);
    pthread_attr_destroy(&attributes);
    bottom_ = static_cast<char*>(bottom);
  }
  explicit Fiber(std::size_t stack) : stack_(new char[stack]), bottom_(stack_.get()), size_(stack) {
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = stack;
    context_.uc_link = nullptr;
    makecontext(&context_, &Fiber::enter, 0);
  }
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void start(std::function<Fiber*()> body) { body_ = std::move(body); }

  void switch_to(Fiber& other) {
    entering_ = &other;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_stack_, other.bottom_, other.size_);
#endif
    swapcontext(&context_, &other.context_);
    arrived();
  }

 private:
  static void enter() {
    Fiber* const self = entering_;
    self->arrived();
    while (true) {
      Fiber* const next = self->body_();
      self->switch_to(*next);
    }
  }

  void arrived() const {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr);
#endif
  }

  inline static Fiber* entering_ = nullptr;

  std::unique_ptr<char[]> stack_;
  char* bottom_ = nullptr;
  std::size_t size_ = 0;
  ucontext_t context_{};
  void* fake_stack_ = nullptr;
  std::function<Fiber*()> body_;
};

}  // namespace winghorn::testing
