// SPDX-License-Identifier: MIT
#include "core/net/accepting.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace winghorn {
namespace {

struct TextEnd {
  std::string address;
  std::string port;
  bool is_unix = false;
};

std::string unix_path(const sockaddr_un& address, socklen_t length) {
  const std::size_t prefix = offsetof(sockaddr_un, sun_path);
  if (length <= prefix) return {};
  const char* path = address.sun_path;
  const std::size_t most = length - prefix;
  // An abstract name begins with NUL and is not ended by one.
  return path[0] == '\0' ? std::string(path, most) : std::string(path, ::strnlen(path, most));
}

TextEnd to_text(const sockaddr_storage& address, socklen_t length) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), std::to_string(ntohs(v4.sin_port)), false};
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return {text.data(), std::to_string(ntohs(v6.sin6_port)), false};
  }
  sockaddr_un local{};
  std::memcpy(&local, &address, std::min<std::size_t>(sizeof local, length));
  return {unix_path(local, length), {}, true};
}

AcceptOutcome outcome_of(int error) {
  switch (error) {
    case EAGAIN:
      return AcceptOutcome::NoneWaiting;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return AcceptOutcome::OutOfResource;
    default:
      // accept(2) hands on errors of the connection that was next: as good as a reset one.
      return AcceptOutcome::TryAgain;
  }
}

}  // namespace

AcceptOutcome accept_one(int listener, Accepted& into) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  Fd socket(::accept4(listener, reinterpret_cast<sockaddr*>(&address), &length,
                      SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket)
    return errno == EBADF || errno == EINVAL ? AcceptOutcome::NoneWaiting : outcome_of(errno);
  TextEnd peer = to_text(address, length);
  into.socket = std::move(socket);
  into.is_unix = peer.is_unix;
  // A unix client has a name only if it bound one; gunicorn's applications see none.
  into.peer_address = peer.is_unix ? std::string() : std::move(peer.address);
  into.peer_port = std::move(peer.port);
  return AcceptOutcome::Taken;
}

void hold_newcomers(int listener) {
  // A packet with SYN and without ACK begins a connection; such are dropped. What the filter sees begins
  // with the TCP header (RFC 9293 3.1), whose byte 13 has the flags.
  constexpr std::uint32_t kFlags = 13;
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kSynAck = 0x12;
  std::array<sock_filter, 5> program{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlags),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAck),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ::setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

LocalEnd local_end(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  TextEnd end = to_text(address, length);
  return {std::move(end.address), std::move(end.port)};
}

}  // namespace winghorn
