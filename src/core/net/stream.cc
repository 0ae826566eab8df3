// SPDX-License-Identifier: MIT
#include "core/net/stream.h"

#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace winghorn {
namespace {

// A turn of the loop belongs to everybody: one call moves no more of a file than this.
constexpr std::uint64_t kFileBytesPerCall = 1024ULL * 1024;

// SIGPIPE is raised on the thread that sends: held back here, and taken away if it came.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    const int saved = errno;
    const timespec now{};
    sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

template <class Call>
Transfer attempt(Call call) {
  ssize_t count = 0;
  do {
    count = call();
  } while (count < 0 && errno == EINTR);
  if (count > 0) return {Flow::Moved, static_cast<std::size_t>(count)};
  if (count == 0) return {Flow::Ended, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {Flow::Blocked, 0};
  return {Flow::Broken, 0};
}

}  // namespace

Transfer receive(int socket, std::span<char> into) {
  return attempt([&] { return ::recv(socket, into.data(), into.size(), 0); });
}

Transfer transmit(int socket, std::span<const iovec> from) {
  if (from.size() == 1) {
    return attempt([&] { return ::send(socket, from[0].iov_base, from[0].iov_len, MSG_NOSIGNAL); });
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from.data());  // sendmsg only reads them
  message.msg_iovlen = from.size();
  return attempt([&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL); });
}

Transfer transmit_file(int socket, int file, std::uint64_t offset, std::uint64_t length) {
  auto at = static_cast<off_t>(offset);
  const std::size_t count = std::min(length, kFileBytesPerCall);
  const WithoutSigpipe
      quiet;  // sendfile knows no MSG_NOSIGNAL, and an application may want the signal
  return attempt([&] { return ::sendfile(socket, file, &at, count); });
}

bool has_arrived(int socket) {
  int waiting = 0;
  return ::ioctl(socket, SIOCOUTQ, &waiting) != 0 || waiting == 0;
}

void make_reset(int socket, bool now) {
  const linger at_once{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  const sockaddr nowhere{AF_UNSPEC, {}};
  // That it fails changes nothing: the close that follows is all there is then.
  if (now) (void)::connect(socket, &nowhere, sizeof nowhere);
}

}  // namespace winghorn
