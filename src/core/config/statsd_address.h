// statsd_address.h: where statsd listens, as users write it.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace winghorn::config {

struct StatsdAddress {
  std::string host;   // a name or an address; of a Unix socket, its path
  unsigned port = 0;  // 0: a Unix socket
};

// HOST, HOST:PORT, [V6], [V6]:PORT, unix:PATH, unix://PATH; the port is 8125 when none is given. As in gunicorn
// unix:DIGITS is a host of that name. nullopt: it is none of these.
std::optional<StatsdAddress> parse_statsd_address(std::string_view text);

}  // namespace winghorn::config
