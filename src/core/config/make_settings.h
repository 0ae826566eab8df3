// make_settings.h: from everything that was given to the settings that hold, or to what is wrong.
//
// All complaints are found in one pass, each one line that names the setting, the value, where it was
// given and what would be right. Looks at the file system (do chdir and worker_tmp_dir exist?) and
// changes nothing.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <variant>

#include "core/config/settings.h"
#include "core/config/value.h"

namespace winghorn::config {

// What is known before any setting is.
struct Start {
  std::string directory;    // absolute; the current folder as the user spells it
  std::string config_file;  // the one that was read; empty when none was
  Strings warnings = {};    // of whoever read the sources
};

struct LoadedSettings {
  Settings settings;
  std::map<std::string, Value, std::less<>> values;  // all rows, as --print-config shows them
};

using Complaints = Strings;

// `given` in ascending precedence: of several values for a name the last one counts, and only that one
// is checked. Unknown names are an error, except from the config file, where they may be the user's own
// variables: there a warning, if the name is nearly a setting's.
std::variant<LoadedSettings, Complaints> make_settings(std::span<const Given> given,
                                                       const Start& start);

// "--workers on the command line", "/srv/gunicorn.conf.py", "the environment variable PORT".
std::string describe(const Source& source, std::string_view setting);

}  // namespace winghorn::config
