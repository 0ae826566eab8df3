// SPDX-License-Identifier: MIT
#include "core/log/output_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace winghorn::log {

Result<Fd> open_captured(const std::string& path) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file) return Failure{"open " + path, errno};
  return file;
}

void redirect_output(const Fd& file) {
  for (const int standard : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(file.get(), standard);
}

}  // namespace winghorn::log
