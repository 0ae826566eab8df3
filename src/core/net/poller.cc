// SPDX-License-Identifier: MIT
#include "core/net/poller.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>

namespace winghorn {
namespace {

constexpr std::size_t kMostEvents = 256;
constexpr Millis kLongestWait{60'000};  // of many days the kernel's int would make something else

epoll_event event_for(std::uint64_t token, Interest interest) {
  epoll_event event{};
  event.data.u64 = token;
  switch (interest) {
    case Interest::Nothing:
      break;
    case Interest::Read:
      event.events = EPOLLIN;
      break;
    case Interest::EdgeRead:
      event.events = EPOLLIN | EPOLLET;
      break;
    case Interest::EdgeBoth:
      event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
      break;
  }
  return event;
}

Ready ready_from(const epoll_event& event) {
  Ready ready;
  ready.token = event.data.u64;
  ready.readable = (event.events & (EPOLLIN | EPOLLRDHUP)) != 0;
  ready.writable = (event.events & EPOLLOUT) != 0;
  ready.ended = (event.events & EPOLLRDHUP) != 0;
  ready.broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
  return ready;
}

}  // namespace

Result<Poller> Poller::create() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return failure("epoll_create1");
  return Poller(std::move(epoll));
}

Status Poller::add(int fd, std::uint64_t token, Interest interest) {
  epoll_event event = event_for(token, interest);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return failure("epoll_ctl add");
  return Nothing{};
}

Status Poller::change(int fd, std::uint64_t token, Interest interest) {
  epoll_event event = event_for(token, interest);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) return failure("epoll_ctl change");
  return Nothing{};
}

void Poller::remove(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

int Poller::wait(std::span<Ready> into, Millis patience) {
  std::array<epoll_event, kMostEvents> events;  // NOLINT: filled by the kernel
  const int most = static_cast<int>(std::min(into.size(), events.size()));
  const int count = ::epoll_wait(epoll_.get(), events.data(), most,
                                 static_cast<int>(std::min(patience, kLongestWait).count()));
  if (count < 0) {
    CHECK(errno == EINTR);
    return -1;
  }
  std::transform(events.begin(), events.begin() + count, into.begin(), ready_from);
  return count;
}

}  // namespace winghorn
