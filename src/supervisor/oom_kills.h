// oom_kills.h: how often the kernel has killed for want of memory where this server runs.
//
// The kernel counts that for each control group (cgroups): `oom_kill` in memory.oom_control of version 1, in
// memory.events of version 2. Reads files and nothing else; what is not there is "not known".
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/bytes.h"

namespace winghorn::supervisor {

// `root` is where the file system begins, `own_groups` the text of /proc/self/cgroup. The count is that of the
// nearest group at or above the process's own that has one; in a container whose groups are named as the host
// sees them, that is the one that is mounted.
std::optional<std::uint64_t> oom_kills(const std::string& root, Bytes own_groups);
// Of this process.
std::optional<std::uint64_t> own_oom_kills();

enum class OomVerdict : std::uint8_t { NotKnown, DidNotKill, Killed };

// Judges deaths by SIGKILL one after the other; each kill that the kernel has counted explains one of them.
class OomLedger {
 public:
  OomVerdict judge(std::optional<std::uint64_t> at_birth, std::optional<std::uint64_t> at_death);

 private:
  std::uint64_t explained_ = 0;  // up to this count
};

}  // namespace winghorn::supervisor
