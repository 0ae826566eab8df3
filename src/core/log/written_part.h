// written_part.h: how much of a write(2) a file has that was under way when its process was killed.
//
// The kernel copies page after page and looks for a kill before each: so the file has all of the bytes, none, or
// as many as end with a page. Other processes may have appended before and behind them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"

namespace winghorn::log {

struct WrittenPart {
  std::size_t bytes = 0;
  bool ends_the_file = false;  // in the midst of a line: what comes next continues it
};

// `text` is what the file holds from `place` on, `place` where it ended before the write. Lines of other
// processes that are the same to the byte are taken for these; so the less `text` holds, the better.
WrittenPart written_part(Bytes lines, Bytes text, std::uint64_t place);

}  // namespace winghorn::log
