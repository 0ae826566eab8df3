// SPDX-License-Identifier: MIT
#include "core/base/kernel_wait.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "core/base/fd.h"

namespace winghorn {
namespace {

// Those in which programs wait for long. The older of them do not exist on every processor.
constexpr auto kNames = std::to_array<std::pair<long, std::string_view>>({
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_readv, "readv"},
    {SYS_writev, "writev"},
    {SYS_pread64, "pread64"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_openat, "openat"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_flock, "flock"},
    {SYS_fcntl, "fcntl"},
    {SYS_ioctl, "ioctl"},
    {SYS_sendfile, "sendfile"},
    {SYS_splice, "splice"},
    {SYS_connect, "connect"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect6"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_futex, "futex"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_rt_sigsuspend, "rt_sigsuspend"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
    {SYS_semtimedop, "semtimedop"},
    {SYS_msgrcv, "msgrcv"},
    {SYS_restart_syscall, "restart_syscall"},
#ifdef SYS_poll
    {SYS_open, "open"},
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_pause, "pause"},
#endif
});

std::string name_of(long number) {
  const auto* const found =
      std::ranges::find(kNames, number, &std::pair<long, std::string_view>::first);
  return found != kNames.end() ? std::string(found->second) : fmt::format("system call {}", number);
}

}  // namespace

std::optional<std::string> waits_in(pid_t thread) {
  const std::string path = fmt::format("/proc/self/task/{}/syscall", thread);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  // "running", or the call's number and arguments, or -1 for a wait outside of any (a page fault).
  std::array<char, 32> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  long number = -1;
  if (size <= 0) return std::nullopt;
  const auto read = std::from_chars(text.data(), text.data() + size, number);
  if (read.ec != std::errc() || number < 0) return std::nullopt;
  return name_of(number);
}

}  // namespace winghorn
