// SPDX-License-Identifier: MIT
#include "supervisor/pidfile.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/fd.h"
#include "core/base/number_text.h"

namespace winghorn::supervisor {
namespace {

// The process that the file names; 0: it names none, or is not there.
pid_t named_in(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 32> buffer{};
  const ssize_t count = file ? ::read(file.get(), buffer.data(), buffer.size()) : -1;
  if (count <= 0) return 0;
  std::string_view text(buffer.data(), static_cast<std::size_t>(count));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return std::max(number_from<pid_t>(text).value_or(0), 0);
}

bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0 || errno == EPERM; }

Status write_to(int file, std::string_view text) {
  const ssize_t count = ::write(file, text.data(), text.size());
  if (count != static_cast<ssize_t>(text.size())) return failure("write the pid file");
  if (::fchmod(file, 0644) != 0) return failure("chmod the pid file");
  return Nothing{};
}

Status put(const std::string& path) {
  std::string temporary = path + ".XXXXXX";
  const Fd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return failure(fmt::format("create the pid file {}", path));
  Status written = write_to(file.get(), fmt::format("{}\n", ::getpid()));
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = failure(fmt::format("create the pid file {}", path));
  }
  if (!written) ::unlink(temporary.c_str());
  return written;
}

Status check_place(const std::string& path, pid_t gone) {
  const pid_t other = named_in(path);
  if (other != 0 && other != ::getpid() && other != gone && is_alive(other)) {
    return Failure{
        fmt::format("Already running on PID {} (or pid file '{}' is stale)", other, path)};
  }
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!std::filesystem::is_directory(folder, ignored)) {
    return Failure{fmt::format("{} doesn't exist. Can't create pidfile.", folder.string())};
  }
  return Nothing{};
}

}  // namespace

Status Pidfile::create(const std::string& path, pid_t gone) {
  if (path.empty()) return Nothing{};
  if (Status place = check_place(path, gone); !place) return place;
  Status written = put(path);
  if (written) path_ = path;
  return written;
}

Status Pidfile::move_to(const std::string& path, pid_t gone) {
  if (path == path_) return Nothing{};
  Pidfile next;
  if (Status made = next.create(path, gone); !made) return made;
  remove();
  path_ = std::move(next.path_);
  return Nothing{};
}

void Pidfile::remove() {
  if (!path_.empty() && named_in(path_) == ::getpid()) ::unlink(path_.c_str());
  path_.clear();
}

}  // namespace winghorn::supervisor
