// SPDX-License-Identifier: MIT
#include "core/net/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "core/net/accepting.h"

namespace winghorn {
namespace {

// What the kernel takes of a reply beyond what is on its way: else as much as 4 MiB for each client that reads
// slowly, and the reply would count as sent.
constexpr int kUnsentInKernel = 128 * 1024;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Failure failure_of(const ListenAddress& address, int code) {
  return Failure{"bind " + to_text(address), code};
}

bool switch_on(int socket, int level, int option, int value = 1) {
  return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

// For those who are bound from now on. It was bound as if alone, so nobody else was there; and without
// SO_REUSEADDR nobody who does not share can come. False: this kernel has no such thing.
bool share_port(int socket) {
  return switch_on(socket, SOL_SOCKET, SO_REUSEPORT) &&
         switch_on(socket, SOL_SOCKET, SO_REUSEADDR, 0);
}

Result<SocketAddress> resolve_tcp(const ListenAddress& address) {
  addrinfo hints{};
  // As gunicorn: a name is an IPv4 address, whatever else it may be.
  hints.ai_family = address.kind == AddressKind::Tcp6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* first = nullptr;
  const std::string port = std::to_string(address.port);
  const char* host = address.host.empty() ? nullptr : address.host.c_str();
  const int code = ::getaddrinfo(host, port.c_str(), &hints, &first);
  if (code == EAI_SYSTEM) return failure_of(address, errno);
  if (code != 0) return Failure{"bind " + to_text(address) + ": " + ::gai_strerror(code), 0};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(first, &::freeaddrinfo);
  SocketAddress found;
  found.length = first->ai_addrlen;
  std::memcpy(&found.storage, first->ai_addr, first->ai_addrlen);
  return found;
}

Result<SocketAddress> name_unix(const ListenAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const bool is_abstract = address.path.starts_with('\0');
  const std::size_t most = sizeof name.sun_path - (is_abstract ? 0 : 1);
  if (address.path.empty() || address.path.size() > most) {
    return failure_of(address, address.path.empty() ? EINVAL : ENAMETOOLONG);
  }
  std::memcpy(name.sun_path, address.path.data(), address.path.size());
  SocketAddress named;
  const std::size_t end = is_abstract ? 0 : 1;
  named.length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + end);
  std::memcpy(&named.storage, &name, named.length);
  return named;
}

// Whether the socket file is a dead server's. Only a refused connection proves that nobody listens.
bool is_stale(const SocketAddress& name) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return probe && ::connect(probe.get(), name.get(), name.length) != 0 && errno == ECONNREFUSED;
}

Status clear_the_way(const ListenAddress& address, const SocketAddress& name) {
  struct stat there{};
  if (::stat(address.path.c_str(), &there) != 0) {
    return errno == ENOENT ? Status(Nothing{}) : failure_of(address, errno);
  }
  if (!S_ISSOCK(there.st_mode)) return Failure{"'" + address.path + "' is not a socket", 0};
  if (!is_stale(name)) return failure_of(address, EADDRINUSE);
  if (::unlink(address.path.c_str()) != 0 && errno != ENOENT) return failure_of(address, errno);
  return Nothing{};
}

Result<Fd> bind_unix(const ListenAddress& address, const BindOptions& options) {
  const Result<SocketAddress> name = name_unix(address);
  if (!name) return name.error();
  if (!address.path.starts_with('\0')) {
    const Status clear = clear_the_way(address, name.value());
    if (!clear) return clear.error();
  }
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failure_of(address, errno);
  const mode_t before = ::umask(options.umask);
  const int refused =
      ::bind(socket.get(), name.value().get(), name.value().length) == 0 ? 0 : errno;
  ::umask(before);
  if (refused != 0) return failure_of(address, refused);
  return socket;
}

Result<Fd> bind_tcp(const ListenAddress& address) {
  const Result<SocketAddress> name = resolve_tcp(address);
  if (!name) return name.error();
  Fd socket(::socket(name.value().get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failure_of(address, errno);
  switch_on(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (::bind(socket.get(), name.value().get(), name.value().length) != 0) {
    return failure_of(address, errno);
  }
  return socket;
}

int socket_option(int socket, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

Status make_ours(int socket, const ListenAddress& asked) {
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags < 0) return failure_of(asked, errno);
  if (socket_option(socket, SO_TYPE) != SOCK_STREAM) {
    return Failure{to_text(asked) + " is not a stream socket", 0};
  }
  // Of an inherited socket the status flags are shared with whoever handed it over; gunicorn sets them too.
  if (::fcntl(socket, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(socket, F_SETFD, FD_CLOEXEC) != 0) {
    return failure_of(asked, errno);
  }
  return Nothing{};
}

std::string python_tuple(const std::string& host, std::uint16_t port) {
  return "('" + host + "', " + std::to_string(port) + ")";
}

}  // namespace

std::string to_text(const ListenAddress& address) {
  switch (address.kind) {
    case AddressKind::Tcp4:
    case AddressKind::Tcp6:
      return python_tuple(address.host, address.port);
    case AddressKind::Unix:
      return address.path.starts_with('\0') ? "@" + address.path.substr(1) : address.path;
    case AddressKind::Fd:
      break;
  }
  return "fd://" + std::to_string(address.fd);
}

Result<Listener> Listener::bind(const ListenAddress& address, const BindOptions& options) {
  if (address.kind == AddressKind::Fd) return adopt(Fd(address.fd), address, options);
  const bool is_unix = address.kind == AddressKind::Unix;
  Result<Fd> socket = is_unix ? bind_unix(address, options) : bind_tcp(address);
  if (!socket) return socket.error();
  Listener listener(std::move(socket).value(), address);
  Status started = is_unix ? listener.own_file(options) : Nothing{};
  if (started) started = listener.start(options);
  if (!started) return started.error();
  return listener;
}

Result<Listener> Listener::adopt(Fd socket, ListenAddress asked, const BindOptions& options,
                                 SocketFile file) {
  Listener listener(std::move(socket), std::move(asked));
  listener.file_ = file;
  Status ready = make_ours(listener.fd(), listener.asked_);
  if (ready) ready = listener.start(options);
  if (!ready) {
    // A number that names nothing of ours must not be closed by us either.
    listener.fd_.release();
    return ready.error();
  }
  return listener;
}

Status Listener::start(const BindOptions& options) {
  // systemd's sockets listen already; a second listen() would overwrite the backlog it chose.
  const bool listens = socket_option(fd(), SO_ACCEPTCONN) == 1;
  const bool is_tcp = asked_.kind == AddressKind::Tcp4 || asked_.kind == AddressKind::Tcp6;
  is_reserved_ = options.reuse_port && is_tcp && !listens && share_port(fd());
  Status ready = listens || is_reserved_ ? Nothing{} : listen(options.backlog);
  if (ready) {
    describe();
  } else {
    remove_file();
  }
  return ready;
}

Status Listener::listen(int backlog) {
  if (::listen(fd(), backlog) != 0) return failure_of(asked_, errno);
  return Nothing{};
}

void Listener::describe() {
  bound_ = asked_;
  const LocalEnd end = local_end(fd());
  if (end.port.empty()) {
    bound_ = {.kind = AddressKind::Unix, .path = end.address};
    return;
  }
  // Accepted connections inherit them: no system call for each.
  switch_on(fd(), IPPROTO_TCP, TCP_NODELAY);
  ::setsockopt(fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInKernel, sizeof kUnsentInKernel);
  const bool is_v6 = end.address.find(':') != std::string::npos;
  bound_ = {.kind = is_v6 ? AddressKind::Tcp6 : AddressKind::Tcp4, .host = end.address};
  std::from_chars(end.port.data(), end.port.data() + end.port.size(), bound_.port);
}

Result<Listener> Listener::beside() const {
  SocketAddress name;
  name.length = sizeof name.storage;
  if (::getsockname(fd(), reinterpret_cast<sockaddr*>(&name.storage), &name.length) != 0) {
    return failure_of(asked_, errno);
  }
  Fd socket(::socket(name.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failure_of(asked_, errno);
  switch_on(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  switch_on(socket.get(), SOL_SOCKET, SO_REUSEPORT);
  if (::bind(socket.get(), name.get(), name.length) != 0) return failure_of(asked_, errno);
  Listener own(std::move(socket), asked_);
  own.is_own_ = true;
  own.describe();
  return own;
}

Status Listener::own_file(const BindOptions& options) {
  if (asked_.path.starts_with('\0')) return Nothing{};
  // What this descriptor names stays the same whatever others do to the name.
  const Fd file(::open(asked_.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat made{};
  if (!file || ::fstat(file.get(), &made) != 0 || !S_ISSOCK(made.st_mode)) return Nothing{};
  file_ = {made.st_dev, made.st_ino};
  const std::optional<FileOwner>& owner = options.owner;
  if (!owner || ::fchownat(file.get(), "", owner->user, owner->group, AT_EMPTY_PATH) == 0) {
    return Nothing{};
  }
  const int code = errno;
  remove_file();
  return Failure{"chown " + asked_.path, code};
}

unsigned Listener::waiting() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (is_unix() || ::getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_unacked;  // of a listening socket, the length of its queue
}

void Listener::remove_file() {
  struct stat there{};
  if (file_.inode == 0 || ::stat(asked_.path.c_str(), &there) != 0) return;
  if (there.st_dev == file_.device && there.st_ino == file_.inode) ::unlink(asked_.path.c_str());
  file_ = {};
}

void Listener::remove_stale_file() {
  const Result<SocketAddress> name = name_unix(asked_);
  if (file_.inode != 0 && name && is_stale(name.value())) remove_file();
}

std::string Listener::display() const {
  switch (bound_.kind) {
    case AddressKind::Tcp4:
      return "http://" + bound_.host + ":" + std::to_string(bound_.port);
    case AddressKind::Tcp6:
      return "http://[" + bound_.host + "]:" + std::to_string(bound_.port);
    default:
      return "unix:" + to_text(bound_);
  }
}

std::vector<int> take_systemd_descriptors() {
  constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
  constexpr int kMost = 1024;
  const auto number_in = [](const char* variable) {
    const char* text = std::getenv(variable);
    int number = 0;
    if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
    return number;
  };
  std::vector<int> descriptors;
  if (number_in("LISTEN_PID") != ::getpid()) return descriptors;
  const int count = number_in("LISTEN_FDS");
  for (int fd = kFirst; count <= kMost && fd < kFirst + count; ++fd) descriptors.push_back(fd);
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(variable);
  return descriptors;
}

}  // namespace winghorn
