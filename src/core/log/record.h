// record.h: records of the error log as lines, in the format that was chosen for this process.
//
// The one place where text and JSON part: whoever has something to say takes its lines from here and
// writes them as they are. Any thread; the choice is inherited by forked processes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/log/incident.h"
#include "core/log/log.h"

namespace winghorn::log {

// `longest_line`: what can be written whole where the lines go; text does not heed it.
void choose_format(Format format, std::size_t longest_line);
bool format_is(Format format);

// Newlines included; of this moment and this process.
std::string record_of(Level level, std::string_view message);
std::string record_of(Level level, const Incident& incident);
std::string record_of(Level level, const StackRecord& stacks);
// JSON alone: a line that the application wrote to wsgi.errors.
std::string stream_record(std::string_view line);

}  // namespace winghorn::log
