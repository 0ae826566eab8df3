// SPDX-License-Identifier: MIT
#include "python/module/worker_signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <initializer_list>

namespace winghorn {
namespace {

std::atomic<Engine*> serving{nullptr};
std::atomic<pid_t> arbiter_pid{0};
std::atomic<SeatRow*> own_seat{nullptr};

bool is_from_arbiter(const siginfo_t& info) {
  return info.si_code == SI_USER && info.si_pid == arbiter_pid.load();
}

void install(std::initializer_list<int> signals, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);  // Ctrl-C and the arbiter's TERM come together: one after the other
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}

// The address sanitizer does something before every call that does not return, and that takes a lock which
// the interrupted code may hold.
[[gnu::no_sanitize_address]] void end_boot(int signal, siginfo_t* info, void*) {
  note_sender(signal, *info);
  ::_exit(0);
}

void pass_on(int signal, siginfo_t* info, void*) {
  if (signal != SIGUSR1) note_sender(signal, *info);
  Engine* const engine = serving.load(std::memory_order_acquire);
  if (engine == nullptr) return;
  engine->order(signal == SIGTERM   ? WorkerOrder::Retire
                : signal == SIGUSR1 ? WorkerOrder::Reopen
                                    : WorkerOrder::Quit);
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == pass_on;
}

}  // namespace

void note_sender(int signal, const siginfo_t& info) {
  // A fault has no sender, and a terminal's Ctrl-C none that is worth naming.
  const bool is_sent =
      info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE;
  if (!is_sent || is_from_arbiter(info)) return;
  own_seat.load()->note_signal({signal, static_cast<std::uint32_t>(info.si_pid)});
}

void install_boot_signals(SeatRow& seat, pid_t arbiter) {
  own_seat.store(&seat);
  arbiter_pid.store(arbiter);
  install({SIGTERM, SIGINT, SIGQUIT}, end_boot);
}

void install_serving_signals(Engine& engine) {
  serving.store(&engine, std::memory_order_release);
  install({SIGTERM, SIGINT, SIGQUIT, SIGUSR1}, pass_on);
}

void forget_signals_in_child() {
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGUSR1}) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) == 0 && is_ours(action)) ::signal(signal, SIG_DFL);
  }
}

}  // namespace winghorn
