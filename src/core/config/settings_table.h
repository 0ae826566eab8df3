// settings_table.h: every setting there is, a row each.
//
// Rows of one section stand together; names are unique. All of gunicorn's settings are here, those
// that are not built yet too, so that none is ever ignored.
// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

#include "core/config/setting.h"

namespace winghorn::config {

std::span<const Setting> all_settings();

// The row of that name, or nullptr.
const Setting* find_setting(std::string_view name);

// The setting, or the long flag, that was probably meant; empty when nothing is close.
std::string_view nearest_setting(std::string_view name);
std::string_view nearest_flag(std::string_view flag);

// Why a name that gunicorn once had does nothing in a config file; empty for any other name.
std::string_view retired_setting(std::string_view name);

}  // namespace winghorn::config
