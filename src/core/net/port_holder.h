// port_holder.h: which process holds a TCP port, as far as this user may look.
//
// For an error line, so it may be slow and may find nothing: another user's descriptors and other
// containers' processes are invisible. Reads /proc only.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace winghorn {

struct PortHolder {
  pid_t pid = 0;  // 0: nobody can be seen
  std::string command;
};

PortHolder find_port_holder(std::uint16_t port);

}  // namespace winghorn
