// pidfile.h: the file that tells scripts which process the arbiter is.
//
// "<pid>\n", mode 0644, made beside its place and renamed into it, so that no reader finds half of it.
// A file that names a living process is not ours to replace; one whose process is gone, or that names
// none, is. Taken away at the end only if it still names this process.
// Fork: a child must call remove() never; the object does nothing by itself when it goes.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.h"

namespace winghorn::supervisor {

class Pidfile {
 public:
  // The path is absolute, or empty for no file, which is always well. A file that names `gone` is stale,
  // though the kernel may still know the process: nobody has waited for it yet.
  Status create(const std::string& path, pid_t gone = 0);
  // As create(), for another path: the old file goes once the new one is there.
  Status move_to(const std::string& path, pid_t gone = 0);
  void remove();

 private:
  std::string path_;
};

}  // namespace winghorn::supervisor
