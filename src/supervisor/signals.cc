// SPDX-License-Identifier: MIT
#include "supervisor/signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string>

#include "core/base/ascii.h"
#include "core/base/check.h"
#include "core/base/signal_name.h"

namespace winghorn::supervisor {
namespace {

constexpr std::array kHandled{SIGTERM, SIGINT,  SIGQUIT,  SIGHUP,  SIGTTIN, SIGTTOU,
                              SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD, SIGPIPE};

std::atomic<int> pipe_end{-1};

extern "C" void write_its_number(int signal) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(signal);
  // A full pipe holds thousands of unread signals: this one is like one of them.
  [[maybe_unused]] const ssize_t written =
      ::write(pipe_end.load(std::memory_order_relaxed), &byte, 1);
  errno = saved;
}

struct sigaction action_for(int signal) {
  struct sigaction action{};
  action.sa_handler = signal == SIGPIPE ? SIG_IGN : &write_its_number;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  return action;
}

}  // namespace

Result<SignalPipe> SignalPipe::install() {
  CHECK(pipe_end.load() == -1);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return failure("make the signal pipe");
  SignalPipe pipe{Fd(ends[0]), Fd(ends[1])};
  pipe_end.store(ends[1]);
  for (const int signal : kHandled) {
    const struct sigaction action = action_for(signal);
    struct sigaction old{};
    CHECK(::sigaction(signal, &action, &old) == 0);
    pipe.before_.push_back(old);
  }
  return pipe;
}

SignalPipe::~SignalPipe() {
  for (std::size_t i = 0; i < before_.size(); ++i) ::sigaction(kHandled[i], &before_[i], nullptr);
  if (write_end_) pipe_end.store(-1);
}

std::vector<int> SignalPipe::take() const {
  std::vector<int> signals;
  std::array<unsigned char, 256> bytes{};
  for (;;) {
    const ssize_t count = ::read(fd(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return signals;
    signals.insert(signals.end(), bytes.begin(), bytes.begin() + count);
  }
}

void SignalPipe::forget() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (const int signal : kHandled) {
    if (signal != SIGPIPE) ::sigaction(signal, &action, nullptr);
  }
  before_.clear();
  pipe_end.store(-1);
  read_end_.reset();
  write_end_.reset();
}

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

void SignalsBlocked::restore() {
  if (is_blocking_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  is_blocking_ = false;
}

void SignalsBlocked::unblock_all() {
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  is_blocking_ = false;
}

std::string lower_name_of(int signal) {
  // gunicorn's table calls it so; Python finds CLD before CHLD.
  if (signal == SIGCHLD) return "cld";
  const char* name = ::sigabbrev_np(signal);
  if (name == nullptr) return signal_name(signal);
  return lower_case(name);
}

}  // namespace winghorn::supervisor
