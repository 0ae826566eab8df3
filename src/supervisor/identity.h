// identity.h: which user and group workers are.
//
// The arbiter keeps its own identity and gives files away to that of its workers; a worker takes it for
// good, after its sockets are there and before any code of the application's. Where it is the arbiter's own
// already, nothing changes, supplementary groups included.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string>

#include "core/base/result.h"

namespace winghorn::supervisor {

struct Identity {
  uid_t user = ::geteuid();
  gid_t group = ::getegid();
  bool all_groups = false;  // all that the user is in, not `group` alone

  bool is_own() const { return user == ::geteuid() && group == ::getegid(); }
};

// Whether this process has the right to become that. A Failure says who is wanted and what is lacking.
Status check_identity(const Identity& wanted);

// For good: real, effective and saved, and without any capability unless it is root. Of the calling thread where
// capabilities are concerned, so before others are started. The supplementary groups are `group` alone, or with all_groups those
// of the user. After a Failure the process may be half of each and must end.
Status assume_identity(const Identity& wanted);

// A log file belongs to who writes it, so that a worker can open it again after a rotation. What is no
// regular file of one name (a pipe, a device, a link that somebody has put there) is left alone; where
// there is nothing, there is nothing to give.
Status give_file(const std::string& path, const Identity& to);

}  // namespace winghorn::supervisor
