// spill_check.h: whether a folder can hold what of a request's body does not fit into memory.
//
// For a line at the start of the server: BodyPipe makes do without, and nobody would notice before memory
// is short.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace winghorn {

// What is wrong with it, one line; empty when nothing is. Looks by making a file without a name there.
std::string spill_warning(const std::string& directory);

}  // namespace winghorn
