// SPDX-License-Identifier: MIT
#include "core/net/wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace winghorn {

Result<WakeSignal> WakeSignal::create() {
  Fd fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!fd) return failure("eventfd");
  return WakeSignal(std::move(fd));
}

void WakeSignal::wake() const {
  const int saved = errno;  // may run in a signal handler
  const std::uint64_t one = 1;
  // EAGAIN means that it is readable already, which is all that is wanted.
  [[maybe_unused]] const ssize_t count = ::write(fd_.get(), &one, sizeof one);
  errno = saved;
}

void WakeSignal::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t size = ::read(fd_.get(), &count, sizeof count);
}

}  // namespace winghorn
