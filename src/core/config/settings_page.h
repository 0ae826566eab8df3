// settings_page.h: the manual page of all settings, as Markdown.
//
// docs/settings.md is this text; the lint compares them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace winghorn::config {

std::string settings_page();

}  // namespace winghorn::config
