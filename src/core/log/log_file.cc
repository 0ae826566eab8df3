// SPDX-License-Identifier: MIT
#include "core/log/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace winghorn::log {

Fd open_log_file(const std::string& path, int flags, std::optional<uid_t> wary_of) {
  const int wanted = flags | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY;
  if (wary_of) {
    Fd file(::open(path.c_str(), wanted | O_NOFOLLOW, 0666));
    if (file || errno != ELOOP) return file;
    struct stat link{};
    if (::lstat(path.c_str(), &link) != 0) return Fd();
    if (link.st_uid == *wary_of) {
      errno = EPERM;
      return Fd();
    }
  }
  return Fd(::open(path.c_str(), wanted, 0666));
}

}  // namespace winghorn::log
