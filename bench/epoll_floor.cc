// epoll_floor.cc: the least a single-threaded HTTP server can do on Linux; our yardstick.
//
// Answers every request with bytes made once at the start, over edge-triggered epoll: one recv
// and one send for each request, a recv right after accept, no parsing beyond the end of the head
// (and Content-Length when echoing). The head is as long as one of ours, so that both move the
// same bytes. It trusts its client: one request at a time on a connection, well formed. It is
// never part of what is installed.
//
//   epoll_floor PORT hello|body10k|close|echo
//
// SPDX-License-Identifier: MIT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

enum class Mode : std::uint8_t { Hello, Body10k, Close, Echo };

constexpr std::size_t kReadBytes = std::size_t{128} * 1024;
constexpr std::size_t kMaxDescriptors = 65536;
constexpr int kBatch = 256;
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLengthName = "Content-Length: ";

std::optional<Mode> mode_from(std::string_view name) {
  if (name == "hello") return Mode::Hello;
  if (name == "body10k") return Mode::Body10k;
  if (name == "close") return Mode::Close;
  if (name == "echo") return Mode::Echo;
  return std::nullopt;
}

std::string http_date() {
  std::array<char, 64> text{};
  std::tm parts{};
  const std::time_t now = std::time(nullptr);
  gmtime_r(&now, &parts);
  const std::size_t length =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), length};
}

// Everything of a response head but the number and the blank line behind Content-Length.
std::string head_without_length(Mode mode) {
  std::string head = "HTTP/1.1 200 OK\r\nServer: winghorn\r\nDate: " + http_date();
  head += mode == Mode::Close ? "\r\nConnection: close" : "\r\nConnection: keep-alive";
  head += "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ";
  return head;
}

std::string static_response(Mode mode) {
  const std::string body = mode == Mode::Body10k ? std::string(10240, 'x') : "Hello, world!\n";
  return head_without_length(mode) + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct Connection {
  std::string request;  // bytes of a request that has not wholly arrived
  std::string unsent;   // rest of a response that the socket did not take
};

class Floor {
 public:
  Floor(int listener, Mode mode)
      : listener_(listener),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        mode_(mode),
        echo_head_(head_without_length(mode)),
        response_(static_response(mode)),
        connections_(kMaxDescriptors),
        input_(kReadBytes) {
    watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, kBatch> events{};
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), kBatch, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_)
          accept_all();
        else
          serve(fd);
      }
    }
  }

 private:
  bool watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.fd = fd;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      connections_[static_cast<std::size_t>(fd)] = std::make_unique<Connection>();
      // The request has often arrived with the handshake: reading now saves a turn of the loop,
      // and a connection that is closed after its answer never enters epoll at all.
      if (serve(fd) && !watch(fd)) drop(fd);
    }
  }

  // False: the connection is gone.
  bool serve(int fd) {
    Connection& connection = *connections_[static_cast<std::size_t>(fd)];
    if (!connection.unsent.empty() && !send_rest(fd, connection)) return false;
    for (;;) {
      const ssize_t count = recv(fd, input_.data(), input_.size(), 0);
      if (count < 0 && errno == EAGAIN) return true;
      if (count <= 0) return drop(fd);
      const std::string_view arrived(input_.data(), static_cast<std::size_t>(count));
      if (!(mode_ == Mode::Echo ? echo(fd, connection, arrived) : answer(fd, connection, arrived)))
        return false;
      // A short read has emptied the socket: a recv that only says EAGAIN is not worth its price.
      if (arrived.size() < input_.size()) return true;
    }
  }

  bool answer(int fd, Connection& connection, std::string_view arrived) {
    if (!connection.request.empty() || !arrived.ends_with(kHeadEnd)) {
      connection.request += arrived;
      if (!connection.request.ends_with(kHeadEnd)) return true;
      connection.request.clear();
    }
    const ssize_t sent = send(fd, response_.data(), response_.size(), MSG_NOSIGNAL);
    if (mode_ == Mode::Close || !keep_rest(connection, response_, sent)) return drop(fd);
    return true;
  }

  bool echo(int fd, Connection& connection, std::string_view arrived) {
    std::string_view request = arrived;
    if (!connection.request.empty()) {
      connection.request += arrived;
      request = connection.request;
    }
    const std::size_t body_size = missing_nothing(request);
    if (body_size == std::string_view::npos) {
      if (connection.request.empty()) connection.request = arrived;
      return true;
    }
    std::string head = echo_head_ + std::to_string(body_size) + "\r\n\r\n";
    const std::string_view body = request.substr(request.size() - body_size);
    std::array<iovec, 2> parts{
        {{head.data(), head.size()}, {const_cast<char*>(body.data()), body.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(head.size() + body.size())) {
      head += body;
      if (!keep_rest(connection, head, sent)) return drop(fd);
    }
    connection.request.clear();
    return true;
  }

  // The size of the body if the whole request is here, otherwise npos.
  static std::size_t missing_nothing(std::string_view request) {
    const std::size_t head = request.find(kHeadEnd);
    if (head == std::string_view::npos) return std::string_view::npos;
    const std::size_t name = request.substr(0, head).find(kLengthName);
    if (name == std::string_view::npos) return 0;
    const char* digits = request.data() + name + kLengthName.size();
    const std::size_t size = std::strtoul(digits, nullptr, 10);
    return request.size() == head + kHeadEnd.size() + size ? size : std::string_view::npos;
  }

  static bool keep_rest(Connection& connection, const std::string& whole, ssize_t sent) {
    if (sent < 0 && errno != EAGAIN) return false;
    const auto taken = static_cast<std::size_t>(sent < 0 ? 0 : sent);
    if (taken < whole.size()) connection.unsent = whole.substr(taken);
    return true;
  }

  bool send_rest(int fd, Connection& connection) {
    const ssize_t sent = send(fd, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || drop(fd);
    connection.unsent.erase(0, static_cast<std::size_t>(sent));
    return true;
  }

  bool drop(int fd) {
    connections_[static_cast<std::size_t>(fd)].reset();
    close(fd);
    return false;
  }

  const int listener_;
  const int epoll_;
  const Mode mode_;
  const std::string echo_head_;
  const std::string response_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::vector<char> input_;
};

int open_listener(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 2048) != 0)
    return -1;
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<Mode> mode = argc == 3 ? mode_from(argv[2]) : std::nullopt;
  const unsigned long port = argc == 3 ? std::strtoul(argv[1], nullptr, 10) : 0;
  if (!mode || port == 0 || port > 65535) {
    std::fputs("usage: epoll_floor PORT hello|body10k|close|echo\n", stderr);
    return 2;
  }
  const int listener = open_listener(static_cast<std::uint16_t>(port));
  if (listener < 0) {
    std::perror("epoll_floor: cannot listen");
    return 1;
  }
  Floor(listener, *mode).run();
}
