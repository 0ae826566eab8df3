// SPDX-License-Identifier: MIT
#include "core/log/output_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/log/log_file.h"

namespace winghorn::log {

Result<Fd> open_captured(const std::string& path, std::optional<uid_t> wary_of) {
  Fd file = open_log_file(path, O_WRONLY, wary_of);
  if (!file) return Failure{"open " + path, errno};
  return file;
}

void redirect_output(const Fd& file) {
  for (const int standard : {STDOUT_FILENO, STDERR_FILENO}) ::dup2(file.get(), standard);
}

}  // namespace winghorn::log
