// SPDX-License-Identifier: MIT
#include "supervisor/arbiter_log.h"

#include "core/log/log.h"
#include "supervisor/identity.h"

namespace winghorn::supervisor {

Status open_log(const ArbiterSettings& settings) {
  return log::open(settings.log, settings.log_level, settings.log_format);
}

void give_logs(const ArbiterSettings& settings) {
  for (const std::string& path : {settings.log.errors, settings.log.access}) {
    if (path.empty() || path == "-") continue;
    if (Status given = give_file(path, settings.identity); !given) {
      log::warning("Workers may not be able to open the log again: {}", given.error().text());
    }
  }
}

void say_what_was_read(const ArbiterSettings& settings) {
  if (!settings.config_file.empty()) log::info("Settings are read from {}", settings.config_file);
  for (const std::string& warning : settings.warnings) log::warning("{}", warning);
}

bool restore_log(const ArbiterSettings& old, const ArbiterSettings& tried) {
  if (old.log == tried.log && old.log_level == tried.log_level &&
      old.log_format == tried.log_format) {
    return false;
  }
  if (Status opened = open_log(old); !opened) {
    log::error("The log stays at its new place: {}", opened.error().text());
    return false;
  }
  return old.log != tried.log;
}

void go_back_to_log(const ArbiterSettings& old, const ArbiterSettings& tried,
                    const std::string& why) {
  if (restore_log(old, tried)) log::error("{}", why);
}

}  // namespace winghorn::supervisor
