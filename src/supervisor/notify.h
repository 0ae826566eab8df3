// notify.h: telling systemd how the service is (sd_notify(3)).
//
// Each word is one datagram to the socket that NOTIFY_SOCKET names, a path or "@name" for an abstract one.
// Without that variable nothing is sent. Nobody waits: what cannot be sent at once is reported and lost.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace winghorn::supervisor {

class Notifier {
 public:
  // From the environment: NOTIFY_SOCKET, and WATCHDOG_USEC if it is meant for this process.
  static Notifier from_environment();
  explicit Notifier(std::string_view socket, std::optional<Nanos> watchdog = std::nullopt)
      : socket_(socket), watchdog_(watchdog) {}

  bool is_wanted() const { return !socket_.empty(); }
  // How often systemd wants to hear WATCHDOG=1 at least; none: it does not.
  std::optional<Nanos> watchdog() const { return watchdog_; }

  // Lines of NAME=value.
  Status say(std::string_view words) const;
  Status ready(std::string_view status) const;
  // The time belongs to it: systemd tells by it which READY is the answer.
  Status reloading(Instant when) const;

 private:
  std::string socket_;
  std::optional<Nanos> watchdog_;
};

// What the arbiter says to it, each thing once. What cannot be said is a line for debugging.
class ServiceNotices {
 public:
  explicit ServiceNotices(Notifier notifier) : notifier_(std::move(notifier)) {}

  // In each turn of the loop: `serving` of `wanted` workers take requests.
  void tell(unsigned serving, unsigned wanted);
  void reload_begins(Instant when);
  void stop_begins();
  // Another process goes on with the service, and nothing more is said here.
  void hand_over(pid_t to);
  // How long the loop may be without a turn.
  Millis longest_silence(Millis most) const;

 private:
  Notifier notifier_;
  bool said_ready_ = false;
  bool said_stopping_ = false;
};

}  // namespace winghorn::supervisor
