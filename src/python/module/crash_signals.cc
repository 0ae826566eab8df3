// SPDX-License-Identifier: MIT
#include "python/module/crash_signals.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "core/base/fault_signals.h"
#include "core/log/log.h"
#include "python/gil/gil.h"
#include "python/module/worker_signals.h"

namespace winghorn {
namespace {

std::atomic<Engine*> answering{nullptr};
pid_t worker_pid = 0;  // these three do not change once `answering` is set
pid_t arbiter_pid = 0;
std::array<struct sigaction, kFaultSignals.size()> before{};
std::atomic<bool> is_crashing{false};

// By system call: in a copy of the process the C library may still believe in its parent's ids.
pid_t this_process() { return static_cast<pid_t>(::syscall(SYS_getpid)); }

void put_back(int signal) {
  const auto* const place = std::find(kFaultSignals.begin(), kFaultSignals.end(), signal);
  struct sigaction action = before[static_cast<std::size_t>(place - kFaultSignals.begin())];
  const bool ignores = (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
  if (ignores) action.sa_handler = SIG_DFL;  // nobody answers in this process any more
  ::sigaction(signal, &action, nullptr);
}

Crash describe(int signal, const siginfo_t& info) {
  Crash crash;
  crash.signal = signal;
  const bool has_no_address = info.si_code == SI_KERNEL;  // of no form that an address can have
  crash.is_fault = info.si_code > 0 && !has_no_address;
  if (crash.is_fault) {
    crash.address = reinterpret_cast<std::uint64_t>(info.si_addr);
  } else {
    crash.sender = has_no_address ? worker_pid : info.si_pid;
  }
  crash.thread = static_cast<std::uint64_t>(::pthread_self());
  return crash;
}

// All signals are blocked in here: another fault on this thread ends the process at once, by its signal, and
// what is raised below waits until this returns, to where the first one struck.
void crashed(int signal, siginfo_t* info, void*) {
  const int saved_errno = errno;
  Engine* const engine = answering.load(std::memory_order_acquire);
  if (this_process() == worker_pid) {
    const bool is_order =
        signal == SIGABRT && info->si_code == SI_USER && info->si_pid == arbiter_pid;
    if (is_order) {
      engine->order(WorkerOrder::Abort);
      errno = saved_errno;
      return;
    }
    // The record is the watchdog's to write: what somebody sent to the process may strike another thread.
    const bool was_sent = info->si_code <= 0 && info->si_pid != worker_pid;
    if (was_sent && engine->on_watchdogs_thread()) {
      siginfo_t passed_on = *info;
      passed_on.si_code = SI_QUEUE;  // no thread but the first may send one that kill() has sent
      ::syscall(SYS_rt_tgsigqueueinfo, worker_pid, worker_pid, signal, &passed_on);
      errno = saved_errno;
      return;
    }
    // The threads of the process die together; the first one to crash speaks for all.
    while (is_crashing.exchange(true)) ::pause();
    note_sender(signal, *info);
    engine->crash(describe(signal, *info));
  }
  put_back(signal);
  const long thread = ::syscall(SYS_gettid);
  if (::syscall(SYS_rt_tgsigqueueinfo, this_process(), thread, signal, info) != 0) {
    ::syscall(SYS_tgkill, this_process(), thread, signal);
  }
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == crashed;
}

// The interpreter's own handlers are faulthandler's, and the one behind signal.signal().
bool is_of_a_library(const struct sigaction& action) {
  const bool is_plain = (action.sa_flags & SA_SIGINFO) == 0;
  if (is_plain && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)) return false;
  void* const handler = is_plain ? reinterpret_cast<void*>(action.sa_handler)
                                 : reinterpret_cast<void*>(action.sa_sigaction);
  Dl_info of_handler{};
  Dl_info of_interpreter{};
  return ::dladdr(handler, &of_handler) == 0 ||
         ::dladdr(reinterpret_cast<void*>(&Py_IsInitialized), &of_interpreter) == 0 ||
         of_handler.dli_fbase != of_interpreter.dli_fbase;
}

}  // namespace

void handle_crashes(Engine& engine, pid_t arbiter) {
  worker_pid = this_process();
  arbiter_pid = arbiter;
  for (std::size_t place = 0; place < kFaultSignals.size(); ++place) {
    ::sigaction(kFaultSignals[place], nullptr, &before[place]);
  }
  answering.store(&engine, std::memory_order_release);
  struct sigaction action{};
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (std::size_t place = 0; place < kFaultSignals.size(); ++place) {
    const int signal = kFaultSignals[place];
    // SIGABRT may be an order, and nobody lives with one of his own.
    if (signal != SIGABRT && is_of_a_library(before[place])) {
      log::info("Signal {} is a library's: a crash by it ends this worker without an answer",
                signal);
    } else {
      ::sigaction(signal, &action, nullptr);
    }
  }
}

void forget_crashes_in_child() {
  for (const int signal : kFaultSignals) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) == 0 && is_ours(action)) put_back(signal);
  }
}

}  // namespace winghorn
