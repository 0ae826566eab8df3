// SPDX-License-Identifier: MIT
#include "core/net/lifeline.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace winghorn {
namespace {

bool say(int end, char word) {
  for (;;) {
    const ssize_t sent = ::send(end, &word, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0 || errno != EINTR) return sent == 1;
  }
}

}  // namespace

Result<Lifeline> make_lifeline() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return failure("make a lifeline");
  }
  return Lifeline{Fd(ends[0]), Fd(ends[1])};
}

bool say_order(int arbiter_end, Order order) { return say(arbiter_end, static_cast<char>(order)); }
bool say_report(int worker_end, Report report) {
  return say(worker_end, static_cast<char>(report));
}

Heard hear(int end, char& word) {
  for (;;) {
    const ssize_t got = ::recv(end, &word, 1, MSG_DONTWAIT);
    if (got == 1) return Heard::Word;
    if (got == 0) return Heard::End;
    if (errno == EINTR) continue;
    return errno == EAGAIN ? Heard::Nothing : Heard::End;
  }
}

}  // namespace winghorn
