// print_config.h: what --print-config prints.
//
// gunicorn's layout: a line per setting, sorted by name, the names in one column, the values as Python's
// str() shows them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/config/make_settings.h"

namespace winghorn::config {

std::string print_config(const LoadedSettings& loaded);

}  // namespace winghorn::config
