// access_json.h: the line of a request as one JSON object.
//
// For readers of the log: who asked what, and what came of it; text is UTF-8, other bytes become U+FFFD. In
// whole: what a receiver needs to make gunicorn's arguments of; text is Latin-1 as in WSGI, header fields are there
// as far as a line may be long.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/log/access_log.h"

namespace winghorn::log {

// Appends a line, newline included.
void append_access_json(const AccessRecord& record, std::string& out);
void append_whole_access_json(const AccessRecord& record, std::string& out);
// `line` as a message, with the time and the process of the request.
void append_wrapped_line(const AccessRecord& record, const std::string& line, std::string& out);

}  // namespace winghorn::log
