// engine_settings_from.h: the settings that users know, as the plain limits that the engine takes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/config/settings.h"
#include "core/engine/engine_settings.h"
#include "core/log/access_log.h"

namespace winghorn {

// What Python's logging, if it is used, makes of a request: a line by access_log_format, or something of its own.
enum class PythonLogger : std::uint8_t { None, TakesLines, TakesRequests };

EngineSettings engine_settings_from(const config::Settings& settings, PythonLogger logger);

// None: there is no access log.
std::optional<log::AccessFormat> access_format_from(const config::Settings& settings,
                                                    PythonLogger logger);

// Where request bodies go that are longer than memory may hold; the same in the arbiter and in its workers.
std::string spill_directory(const config::Settings& settings);

}  // namespace winghorn
