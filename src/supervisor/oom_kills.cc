// SPDX-License-Identifier: MIT
#include "supervisor/oom_kills.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <vector>

namespace winghorn::supervisor {
namespace {

std::optional<std::string> file_text(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Bytes take_until(Bytes& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const Bytes taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

bool lists_memory(Bytes controllers) {
  while (!controllers.empty()) {
    if (take_until(controllers, ',') == "memory") return true;
  }
  return false;
}

std::optional<std::uint64_t> count_in(Bytes text) {
  constexpr Bytes kName = "oom_kill ";
  while (!text.empty()) {
    const Bytes line = take_until(text, '\n');
    if (!line.starts_with(kName)) continue;
    std::uint64_t count = 0;
    const auto read = std::from_chars(line.data() + kName.size(), line.data() + line.size(), count);
    if (read.ec == std::errc()) return count;
  }
  return std::nullopt;
}

// The text of `file` in `group` of the hierarchy that is mounted at `mount`, or in the nearest above it.
std::optional<std::string> nearest(const std::string& mount, Bytes group, const char* file) {
  while (true) {
    std::string path = mount;
    path.append(group).append(1, '/').append(file);
    if (std::optional<std::string> text = file_text(path)) return text;
    if (group.empty()) return std::nullopt;
    group = group.substr(0, group.rfind('/') == Bytes::npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

std::optional<std::uint64_t> oom_kills(const std::string& root, Bytes own_groups) {
  const std::string mounts = root + "/sys/fs/cgroup";
  std::optional<std::string> found;
  while (!own_groups.empty()) {
    Bytes line = take_until(own_groups, '\n');  // "4:memory:/group", "0::/group"
    const Bytes hierarchy = take_until(line, ':');
    const Bytes controllers = take_until(line, ':');
    const bool is_foreign = line.starts_with("/..");  // beyond what this process may see
    const Bytes group = line == "/" || is_foreign ? Bytes() : line;
    if (lists_memory(controllers)) {
      // Where both versions are mounted, memory is in the one whose line names it.
      found = nearest(mounts + "/memory", group, "memory.oom_control");
      if (!found)
        found = nearest(mounts + '/' + std::string(controllers), group, "memory.oom_control");
      break;
    }
    if (hierarchy != "0" || !controllers.empty()) continue;
    found = nearest(mounts, group, "memory.events");
    if (!found) found = nearest(mounts + "/unified", group, "memory.events");
  }
  return found ? count_in(*found) : std::nullopt;
}

std::optional<std::uint64_t> own_oom_kills() {
  const std::optional<std::string> own_groups = file_text("/proc/self/cgroup");
  return own_groups ? oom_kills("", *own_groups) : std::nullopt;
}

OomVerdict OomLedger::judge(std::optional<std::uint64_t> at_birth,
                            std::optional<std::uint64_t> at_death) {
  if (!at_birth || !at_death) return OomVerdict::NotKnown;
  explained_ = std::max(explained_, *at_birth);
  if (*at_death <= explained_) return OomVerdict::DidNotKill;
  ++explained_;
  return OomVerdict::Killed;
}

}  // namespace winghorn::supervisor
