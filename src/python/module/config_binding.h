// config_binding.h: the settings table and what is made of it, for Python.
//
// bind_config() adds to the extension what python/winghorn/_core.pyi declares under "settings". Python
// holds a checked configuration as an opaque Settings object, read-only; C++ gets it back by
// nanobind::cast<const config::LoadedSettings&>(object).
// SPDX-License-Identifier: MIT
#pragma once

#include <nanobind/nanobind.h>

namespace winghorn {

void bind_config(nanobind::module_& module);

}  // namespace winghorn
