// SPDX-License-Identifier: MIT
#include "core/net/port_holder.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>

#include "core/base/number_text.h"

namespace winghorn {
namespace {

constexpr std::string_view kListenState = "0A";
// Enough to recognise a program; command lines may be kilobytes.
constexpr std::size_t kCommandLength = 120;

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

Folder open_folder(const std::string& path) { return {::opendir(path.c_str()), &::closedir}; }

// "sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode ...", addresses as HEX:PORT.
void note_listeners(const char* table, std::uint16_t port, std::set<std::string>& inodes) {
  std::array<char, 8> wanted{};
  std::snprintf(wanted.data(), wanted.size(), ":%04X", static_cast<unsigned>(port));
  std::ifstream lines(table);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string skipped, local, state, inode;
    words >> skipped >> local >> skipped >> state;
    for (int i = 0; i < 5; ++i) words >> skipped;
    words >> inode;
    if (state == kListenState && local.ends_with(wanted.data())) inodes.insert(inode);
  }
}

bool holds_one_of(const std::string& process, const std::set<std::string>& inodes) {
  const Folder fds = open_folder(process + "/fd");
  if (!fds) return false;
  while (const dirent* entry = ::readdir(fds.get())) {
    std::array<char, 64> target{};
    const std::string path = process + "/fd/" + entry->d_name;
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    if (length <= 0) continue;
    std::string_view text(target.data(), static_cast<std::size_t>(length));
    if (!text.starts_with("socket:[") || !text.ends_with(']')) continue;
    text.remove_prefix(8);
    text.remove_suffix(1);
    if (inodes.contains(std::string(text))) return true;
  }
  return false;
}

std::string command_of(const std::string& process) {
  std::ifstream file(process + "/cmdline", std::ios::binary);
  std::string text(kCommandLength, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

PortHolder find_port_holder(std::uint16_t port) {
  std::set<std::string> inodes;
  note_listeners("/proc/net/tcp", port, inodes);
  note_listeners("/proc/net/tcp6", port, inodes);
  const Folder processes = inodes.empty() ? Folder{nullptr, &::closedir} : open_folder("/proc");
  if (!processes) return {};
  // The lowest pid: a server's parent has the socket too, and is the one to stop.
  PortHolder found;
  while (const dirent* entry = ::readdir(processes.get())) {
    const std::string_view name(entry->d_name);
    const std::optional<pid_t> pid = number_from<pid_t>(name);
    if (!pid || (found.pid != 0 && *pid > found.pid)) continue;
    const std::string process = "/proc/" + std::string(name);
    if (holds_one_of(process, inodes)) found = {*pid, command_of(process)};
  }
  return found;
}

}  // namespace winghorn
