// engine_settings_from.h: the settings that users know, as the plain limits that the engine takes.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "core/config/settings.h"
#include "core/engine/engine_settings.h"
#include "core/log/access_log.h"

namespace winghorn {

EngineSettings engine_settings_from(const config::Settings& settings);

// None: there is no access log.
std::optional<log::AccessFormat> access_format_from(const config::Settings& settings);

// Where request bodies go that are longer than memory may hold; the same in the arbiter and in its workers.
std::string spill_directory(const config::Settings& settings);

}  // namespace winghorn
