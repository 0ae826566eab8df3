// SPDX-License-Identifier: MIT
#include "core/net/bind_patiently.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "core/log/log.h"
#include "core/net/port_holder.h"

namespace winghorn {
namespace {

constexpr int kAttempts = 5;
constexpr Millis kBetween{1000};
constexpr std::uint16_t kFirstFreePort = 1024;

bool is_tcp(const ListenAddress& address) {
  return address.kind == AddressKind::Tcp4 || address.kind == AddressKind::Tcp6;
}

// Somebody may leave the address, an interface may come up, a folder may be made.
bool heals_with_time(const Failure& failure) {
  switch (failure.code) {
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case ENOENT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return true;
    default:
      return false;
  }
}

void log_lasting(const ListenAddress& address, const Failure& failure) {
  if (failure.code == 0) return log::error("Can't connect: {}", failure.doing);
  const bool is_privileged =
      failure.code == EACCES && is_tcp(address) && address.port < kFirstFreePort;
  log::error("Can't connect to {}: {}{}", to_text(address), std::strerror(failure.code),
             is_privileged ? " (a port below 1024 needs root or CAP_NET_BIND_SERVICE)" : "");
}

void explain_taken_port(const ListenAddress& address) {
  const PortHolder holder = find_port_holder(address.port);
  if (holder.pid == 0) {
    log::error("Another process holds port {}. Choose another with --bind HOST:PORT.",
               address.port);
    return;
  }
  log::error("Port {} is held by pid {} ({}). Choose another with --bind HOST:PORT.", address.port,
             holder.pid, log::escape(holder.command));
}

}  // namespace

void log_refused_bind(const ListenAddress& address, const Failure& failure) {
  if (!heals_with_time(failure)) return log_lasting(address, failure);
  const std::string text = to_text(address);
  if (failure.code == EADDRINUSE) log::error("Connection in use: {}", text);
  if (failure.code == EADDRNOTAVAIL) log::error("Invalid address: {}", text);
  log::error("connection to {} failed: [Errno {}] {}", text, failure.code,
             std::strerror(failure.code));
}

Result<Listener> bind_patiently(const ListenAddress& address, const BindOptions& options,
                                const Pause& pause) {
  Failure last;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Result<Listener> bound = Listener::bind(address, options);
    if (bound) return bound;
    last = bound.error();
    log_refused_bind(address, last);
    if (!heals_with_time(last)) return last;
    if (attempt == 0 && last.code == EADDRINUSE && is_tcp(address)) explain_taken_port(address);
    log::debug("Retrying in 1 second.");
    if (!pause(kBetween)) return Failure{"bind " + to_text(address), EINTR};
  }
  log::error("Can't connect to {}", to_text(address));
  return last;
}

}  // namespace winghorn
