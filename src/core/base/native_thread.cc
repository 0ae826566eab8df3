// SPDX-License-Identifier: MIT
#include "core/base/native_thread.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <utility>

#include "core/base/fault_signals.h"

namespace winghorn {
namespace {

class SignalsBlocked {
 public:
  SignalsBlocked() {
    const sigset_t most = all_signals_but_faults();
    ::pthread_sigmask(SIG_SETMASK, &most, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Result<std::thread> start_native_thread(std::string doing, std::function<void()> run) {
  const SignalsBlocked inherited;
  try {
    return std::thread([run = std::move(run)] {
      const SignalStack stack;
      run();
    });
  } catch (const std::system_error& error) {  // the one way in which std::thread says so
    return Failure{std::move(doing), error.code().value()};
  }
}

}  // namespace winghorn
