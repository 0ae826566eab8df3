// SPDX-License-Identifier: MIT
#include "core/net/fd_channel.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/check.h"

namespace winghorn {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(FdChannel::kMostDescriptors * sizeof(int));

struct alignas(cmsghdr) ControlBuffer {
  std::array<std::byte, kControlBytes> bytes{};
};

void take_descriptors(msghdr& header, std::array<Fd, FdChannel::kMostDescriptors>& into) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < std::min(count, into.size()); ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      into[i].reset(number);
    }
  }
}

}  // namespace

Result<FdChannel> FdChannel::create() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return failure("make a socket pair for handing connections over");
  }
  return FdChannel(Fd(ends[0]), Fd(ends[1]));
}

bool FdChannel::send(std::span<iovec> bytes, std::span<const int> descriptors) const {
  CHECK(!descriptors.empty() && descriptors.size() <= kMostDescriptors);
  ControlBuffer control;
  msghdr header{};
  header.msg_iov = bytes.data();
  header.msg_iovlen = bytes.size();
  header.msg_control = control.bytes.data();
  header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
  std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  while (::sendmsg(sending_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

// The reserve is given up for the moment in which the kernel needs it.
FdChannel::Received FdChannel::receive(Message& into) {
  if (!have_reserve()) return Received::OutOfResource;
  buffer_.resize(kMostBytes);
  for (Fd& one : reserve_) one.reset();
  ControlBuffer control;
  iovec space{buffer_.data(), buffer_.size()};
  msghdr header{};
  header.msg_iov = &space;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(receiving_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return Received::Nothing;
  take_descriptors(header, into.descriptors);
  if ((header.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) return Received::Lost;
  into.bytes = Bytes(buffer_.data(), static_cast<std::size_t>(count));
  return Received::Message;
}

bool FdChannel::is_empty() const {
  int bytes = 0;
  return ::ioctl(receiving_.get(), FIONREAD, &bytes) != 0 || bytes == 0;
}

bool FdChannel::have_reserve() {
  for (Fd& one : reserve_) {
    if (!one) one.reset(::fcntl(receiving_.get(), F_DUPFD_CLOEXEC, 0));
    if (!one) return false;
  }
  return true;
}

void FdChannel::close() { *this = FdChannel(); }

}  // namespace winghorn
