// nearest.h: which word was probably meant by a mistyped one.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

namespace winghorn::config {

// Damerau-Levenshtein distance (adjacent letters may swap once; "optimal string alignment").
std::size_t edit_distance(std::string_view left, std::string_view right);

// How many slips a word of this length may hold and still be taken for another: short words are
// a letter away from too many things.
std::size_t forgiven_slips(std::string_view word);

}  // namespace winghorn::config
