// SPDX-License-Identifier: MIT
#include "core/base/fault_signals.h"

#include <sys/mman.h>

namespace winghorn {
namespace {

// The registers of the largest processors take 12 KiB of it, a handler of somebody else's what it takes.
constexpr std::size_t kBytes = 128UL * 1024;
constexpr std::size_t kGuard = 64UL * 1024;  // a page, however large pages are

}  // namespace

sigset_t all_signals_but_faults() {
  sigset_t set;
  sigfillset(&set);
  for (const int signal : kFaultSignals) sigdelset(&set, signal);
  return set;
}

SignalStack::SignalStack() {
  void* const memory = ::mmap(nullptr, kGuard + kBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  ::mprotect(memory, kGuard, PROT_NONE);
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(memory) + kGuard;
  stack.ss_size = kBytes;
  if (::sigaltstack(&stack, &before_) == 0) {
    memory_ = memory;
  } else {
    ::munmap(memory, kGuard + kBytes);
  }
}

SignalStack::~SignalStack() {
  if (memory_ == nullptr) return;
  ::sigaltstack(&before_, nullptr);
  ::munmap(memory_, kGuard + kBytes);
}

}  // namespace winghorn
