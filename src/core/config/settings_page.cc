// SPDX-License-Identifier: MIT
#include "core/config/settings_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/config/settings_table.h"
#include "core/config/validate.h"
#include "core/config/words.h"

namespace winghorn::config {
namespace {

constexpr std::string_view kIntroduction = R"(# Settings

<!-- Written by `winghorn --settings-page`. Change the table in src/core/config/settings_table.cc. -->

A setting has one name. It is given, in ascending precedence, by

1. an environment variable, where the setting's row names one;
2. the config file: `-c FILE`, else `./winghorn.conf.py`, else `./gunicorn.conf.py`. It is Python; each
   module-level name that is a setting's sets it. `-c python:MODULE` takes a module instead;
3. `WINGHORN_CMD_ARGS`, or `GUNICORN_CMD_ARGS` if that is not set: command-line options;
4. the command line.

A later source replaces the value of an earlier one, lists too. A name in the config file that is nearly a
setting's gets a warning; a mistyped option ends the program with the nearest one.

The names are gunicorn's. A setting of gunicorn's that winghorn does not support yet is refused unless its
value is the default, and never ignored; those are listed at the end.
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string effect_text(Effect effect) {
  switch (effect) {
    case Effect::Command:
      return "for this start";
    case Effect::NewWorkers:
      return "in workers started after a reload (`HUP`)";
    case Effect::Restart:
      return "after a restart";
  }
  return {};
}

// As it would be written in a config file, whoever asks.
std::string default_text(const Setting& setting) {
  if (setting.kind == Kind::User || setting.kind == Kind::Group) return "the current one";
  if (setting.kind == Kind::Octal) {
    return fmt::format("`0o{:o}`", std::get<std::int64_t>(setting.fallback));
  }
  return fmt::format("`{}`", repr(default_value(setting)));
}

std::string flags_text(const Setting& setting) {
  std::string out;
  for (const std::string& flag : split(setting.flags, ' ')) {
    if (!out.empty()) out += ", ";
    const bool takes_value = !setting.metavar.empty() && flag.starts_with("--");
    out += takes_value ? fmt::format("`{} {}`", flag, setting.metavar) : fmt::format("`{}`", flag);
  }
  return out;
}

void append_setting(std::string& out, const Setting& setting) {
  out += fmt::format("\n### `{}`\n\n{}\n\n", setting.name, setting.help);
  if (setting.flags.empty()) {
    out += "- Only in the config file\n";
  } else {
    out += fmt::format("- On the command line: {}\n", flags_text(setting));
  }
  if (!setting.variable.empty()) {
    const std::string_view prefix = setting.variable_prefix;
    out += prefix.empty() ? fmt::format("- Environment variable: `{}`\n", setting.variable)
                          : fmt::format("- Environment variable: `{}` (gives `{}${}`)\n",
                                        setting.variable, prefix, setting.variable);
  }
  out += fmt::format("- Takes {}\n", expectation(setting));
  out += fmt::format("- Default: {}\n", default_text(setting));
  out += fmt::format("- Takes effect {}\n", effect_text(setting.effect));
}

void append_working(std::string& out) {
  std::string_view section;
  for (const Setting& setting : all_settings()) {
    if (setting.availability != Availability::Works) continue;
    if (setting.section != section) out += fmt::format("\n## {}\n", setting.section);
    section = setting.section;
    append_setting(out, setting);
  }
}

void append_table(std::string& out, Availability availability) {
  out += "\n| setting | option | what it is for | instead |\n|---|---|---|---|\n";
  for (const Setting& setting : all_settings()) {
    if (setting.availability != availability) continue;
    const std::string_view flag = long_flag(setting);
    out += fmt::format("| `{}` | {} | {} | {} |\n", setting.name,
                       flag.empty() ? "" : fmt::format("`{}`", flag), escaped(setting.help),
                       escaped(setting.reason));
  }
}

}  // namespace

std::string settings_page() {
  std::string out(kIntroduction);
  append_working(out);
  out += "\n## Accepted, without effect\n\nWinghorn warns when one of these is given.\n";
  append_table(out, Availability::Moot);
  out +=
      "\n## Not supported yet\n\nThe start is refused when one of these is given another value "
      "than ";
  out += "its default.\n";
  append_table(out, Availability::NotYet);
  return out;
}

}  // namespace winghorn::config
