// log_file.h: opening a file of the log by its name, to append to it.
//
// The arbiter may be root, and its workers' user may own the folder: then that user's links must not decide which
// file root opens. What stands further up in the path is not looked at.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "core/base/fd.h"

namespace winghorn::log {

// `flags`: O_WRONLY or O_RDWR, and what there is besides appending. None, with errno, when it cannot be opened; EPERM
// also when the name is a link of the user `wary_of`.
Fd open_log_file(const std::string& path, int flags, std::optional<uid_t> wary_of);

}  // namespace winghorn::log
