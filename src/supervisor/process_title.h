// process_title.h: the name that ps and top show for this process.
//
// Written over the arguments that the process was started with, within their room: a longer title is cut.
// Nothing that was copied from them before changes. A forked child has the area for itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace winghorn::supervisor {

// Without effect where the kernel does not say where the arguments are.
void set_process_title(std::string_view title);

}  // namespace winghorn::supervisor
