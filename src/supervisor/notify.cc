// SPDX-License-Identifier: MIT
#include "supervisor/notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>

#include "core/base/fd.h"
#include "core/base/number_text.h"
#include "core/log/log.h"

namespace winghorn::supervisor {
namespace {

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

std::optional<Nanos> watchdog_of_this_process() {
  const auto interval = number_from<std::uint64_t>(variable("WATCHDOG_USEC"));
  if (!interval || *interval == 0) return std::nullopt;
  const std::string_view whose = variable("WATCHDOG_PID");
  if (!whose.empty() &&
      number_from<std::uint64_t>(whose) != static_cast<std::uint64_t>(::getpid())) {
    return std::nullopt;
  }
  return std::chrono::microseconds(*interval);
}

void note_unsaid(const Status& sent) {
  if (!sent) log::debug("systemd was not told: {}", sent.error().text());
}

}  // namespace

Notifier Notifier::from_environment() {
  return Notifier(variable("NOTIFY_SOCKET"), watchdog_of_this_process());
}

Status Notifier::say(std::string_view words) const {
  if (!is_wanted()) return Nothing{};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool is_address = socket_.front() == '/' || socket_.front() == '@';
  if (!is_address || socket_.size() >= sizeof(address.sun_path)) {
    return Failure{fmt::format("NOTIFY_SOCKET={} is neither a path nor @name", socket_)};
  }
  std::ranges::copy(socket_, address.sun_path);
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failure("socket for NOTIFY_SOCKET");
  const ssize_t sent = ::sendto(socket.get(), words.data(), words.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), size);
  if (sent < 0) return failure(fmt::format("send to NOTIFY_SOCKET={}", socket_));
  return Nothing{};
}

Status Notifier::ready(std::string_view status) const {
  return say(fmt::format("READY=1\nSTATUS={}\nMAINPID={}", status, ::getpid()));
}

Status Notifier::reloading(Instant when) const {
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(when.time_since_epoch());
  return say(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", micros.count()));
}

// READY when as many workers serve as were asked for: what comes after this unit finds them.
void ServiceNotices::tell(unsigned serving, unsigned wanted) {
  if (said_stopping_) return;
  if (!said_ready_ && serving >= wanted) {
    said_ready_ = true;
    note_unsaid(notifier_.ready(fmt::format("{} workers serve", serving)));
  }
  if (notifier_.watchdog()) note_unsaid(notifier_.say("WATCHDOG=1"));
}

void ServiceNotices::reload_begins(Instant when) {
  said_ready_ = false;
  note_unsaid(notifier_.reloading(when));
}

void ServiceNotices::stop_begins() {
  if (said_stopping_) return;
  said_stopping_ = true;
  note_unsaid(notifier_.say("STOPPING=1"));
}

// Said by the one whom systemd knows: by default (NotifyAccess=main) it hears no other.
void ServiceNotices::hand_over(pid_t to) {
  if (said_stopping_) return;
  said_stopping_ = true;
  note_unsaid(notifier_.say(fmt::format("MAINPID={}", to)));
}

Millis ServiceNotices::longest_silence(Millis most) const {
  if (!notifier_.watchdog()) return most;
  return std::min(most, std::chrono::duration_cast<Millis>(*notifier_.watchdog() / 2));
}

}  // namespace winghorn::supervisor
