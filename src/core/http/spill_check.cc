// SPDX-License-Identifier: MIT
#include "core/http/spill_check.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>

#include "core/base/fd.h"

namespace winghorn {

std::string spill_warning(const std::string& directory) {
  const Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) {
    return fmt::format(
        "Long request bodies cannot be kept in {} ({}): they go to /tmp if it can hold them, else "
        "to "
        "memory. Choose another folder with worker_tmp_dir.",
        directory, std::strerror(errno));
  }
  struct statfs about{};
  if (::fstatfs(file.get(), &about) != 0) return {};
  if (about.f_type != TMPFS_MAGIC && about.f_type != RAMFS_MAGIC) return {};
  return fmt::format(
      "Long request bodies are kept in {}, which is memory (tmpfs). Choose a folder on a disk with "
      "worker_tmp_dir.",
      directory);
}

}  // namespace winghorn
