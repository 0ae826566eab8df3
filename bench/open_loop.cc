// open_loop.cc: sends requests when they are due, whether or not earlier ones have been answered.
//
// A client that waits for each answer sends less just when a server is slow, and so measures least what it
// should show. Here the moments come from a Poisson process made before the first is sent; a request's
// latency counts from that moment, its wait for a free connection included. Connections are kept; one that
// breaks fails its request and is made again, as one is whose answer says "close". Prints a line for each request:
//
//   DUE_US KIND LATENCY_US STATUS     KIND 0: GET /short, 1: GET /long; STATUS 0: no answer
//
//   open_loop PORT CONNECTIONS REQUESTS_PER_SECOND SECONDS LONG_SHARE SEED
//
// SPDX-License-Identifier: MIT

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::microseconds;

constexpr int kBatch = 256;
constexpr std::chrono::seconds kGrace{30};  // for the last answers
constexpr std::array<std::string_view, 2> kRequests = {"GET /short HTTP/1.1\r\nHost: bench\r\n\r\n",
                                                       "GET /long HTTP/1.1\r\nHost: bench\r\n\r\n"};

struct Request {
  Micros due{};
  int kind = 0;
  Micros latency{};
  int status = 0;
};

struct Answer {
  int status = 0;  // 0: more must come
  bool closes = false;
};

struct Connection {
  int socket = -1;
  Request* running = nullptr;
  std::string arrived;
};

struct Plan {
  std::uint16_t port = 0;
  std::size_t connections = 0;
  double rate = 0;
  double seconds = 0;
  double long_share = 0;
  std::uint64_t seed = 0;
};

std::vector<Request> schedule(const Plan& plan) {
  std::mt19937_64 random(plan.seed);
  std::exponential_distribution<double> gap(plan.rate);
  std::uniform_real_distribution<double> share(0, 1);
  std::vector<Request> requests;
  for (double at = gap(random); at < plan.seconds; at += gap(random)) {
    Request& one = requests.emplace_back();
    one.due = Micros(static_cast<std::int64_t>(at * 1e6));
    one.kind = share(random) < plan.long_share ? 1 : 0;
  }
  return requests;
}

// The whole answer at the front of `arrived`, which loses it.
Answer take_answer(std::string& arrived) {
  const std::size_t head_end = arrived.find("\r\n\r\n");
  if (head_end == std::string::npos) return {};
  // Names of fields without their first letter: servers do not agree on its case.
  constexpr std::string_view kLength = "ontent-length: ";
  std::size_t length_at = arrived.find("ontent-Length: ");
  if (length_at == std::string::npos) length_at = arrived.find("ontent-length: ");
  const std::size_t body =
      length_at < head_end ? std::strtoul(arrived.c_str() + length_at + kLength.size(), nullptr, 10)
                           : 0;
  const std::size_t all = head_end + 4 + body;
  if (arrived.size() < all) return {};
  Answer answer;
  answer.status = static_cast<int>(std::strtol(arrived.c_str() + 9, nullptr, 10));
  answer.closes = arrived.find("onnection: close") < head_end;
  arrived.erase(0, all);
  return answer;
}

class Client {
 public:
  explicit Client(const Plan& plan) : plan_(plan), requests_(schedule(plan)) {
    connections_.resize(plan.connections);
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
  }

  void run() {
    began_ = Clock::now();
    const auto last = std::chrono::duration<double>(plan_.seconds) + kGrace;
    while (done_ < requests_.size() && Clock::now() - began_ < last) {
      send_what_is_due();
      wait();
    }
  }

  void print() const {
    for (const Request& one : requests_) {
      std::printf("%lld %d %lld %d\n", static_cast<long long>(one.due.count()), one.kind,
                  static_cast<long long>(one.latency.count()), one.status);
    }
  }

 private:
  void open(std::size_t number) {
    Connection& connection = connections_[number];
    connection = Connection();
    connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(plan_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("open_loop: connect");
      std::exit(1);
    }
    const int on = 1;
    ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event);
    idle_.push_back(number);
  }

  Micros since_begin() const { return std::chrono::duration_cast<Micros>(Clock::now() - began_); }

  void send_what_is_due() {
    while (next_ < requests_.size() && requests_[next_].due <= since_begin() && !idle_.empty()) {
      Connection& connection = connections_[idle_.front()];
      idle_.pop_front();
      connection.running = &requests_[next_++];
      const std::string_view text = kRequests[static_cast<std::size_t>(connection.running->kind)];
      // So small that a socket takes all of it; when it is broken, the read that follows says so.
      (void)::send(connection.socket, text.data(), text.size(), MSG_NOSIGNAL);
    }
  }

  void wait() {
    timespec patience{0, 100'000'000};
    const bool may_send = next_ < requests_.size() && !idle_.empty();
    if (may_send) {
      const auto left = std::max(requests_[next_].due - since_begin(), Micros(0));
      patience = {left.count() / 1'000'000, left.count() % 1'000'000 * 1000};
    }
    std::array<epoll_event, kBatch> events{};
    const int count = ::epoll_pwait2(epoll_, events.data(), kBatch, &patience, nullptr);
    for (int i = 0; i < count; ++i) read(events[static_cast<std::size_t>(i)].data.u64);
  }

  void read(std::size_t number) {
    Connection& connection = connections_[number];
    std::array<char, 4096> block{};
    const ssize_t got = ::recv(connection.socket, block.data(), block.size(), MSG_DONTWAIT);
    if (got <= 0) return reopen(number);
    connection.arrived.append(block.data(), static_cast<std::size_t>(got));
    const Answer answer = take_answer(connection.arrived);
    if (answer.status == 0 || connection.running == nullptr) return;
    finish(connection, answer.status);
    idle_.push_back(number);
    if (answer.closes) reopen(number);
  }

  void reopen(std::size_t number) {
    Connection& connection = connections_[number];
    if (connection.running != nullptr) {
      finish(connection, 0);
    } else {
      std::erase(idle_, number);
    }
    ::close(connection.socket);
    open(number);
  }

  void finish(Connection& connection, int status) {
    Request& one = *connection.running;
    one.latency = since_begin() - one.due;
    one.status = status;
    connection.running = nullptr;
    ++done_;
  }

  const Plan plan_;
  std::vector<Request> requests_;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;  // who has waited longest is used first
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  Clock::time_point began_;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
};

}  // namespace

int main(int count, char** words) {
  if (count != 7) {
    std::fputs("open_loop PORT CONNECTIONS REQUESTS_PER_SECOND SECONDS LONG_SHARE SEED\n", stderr);
    return 2;
  }
  Plan plan;
  plan.port = static_cast<std::uint16_t>(std::strtoul(words[1], nullptr, 10));
  plan.connections = std::strtoul(words[2], nullptr, 10);
  plan.rate = std::strtod(words[3], nullptr);
  plan.seconds = std::strtod(words[4], nullptr);
  plan.long_share = std::strtod(words[5], nullptr);
  plan.seed = std::strtoull(words[6], nullptr, 10);
  Client client(plan);
  client.run();
  client.print();
  return 0;
}
