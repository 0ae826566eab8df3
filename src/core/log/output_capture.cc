// SPDX-License-Identifier: MIT
#include "core/log/output_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/fd.h"

namespace winghorn::log {

Status capture_output(const std::string& path) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file) return Failure{"open " + path, errno};
  for (const int standard : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(file.get(), standard) < 0) return Failure{"dup2", errno};
  }
  return Nothing{};
}

}  // namespace winghorn::log
