// setting.h: the shape of one row of the settings table.
//
// A row is all there is to know about a setting: the command line, the config file's checks, --help,
// --print-config and the manual page are made from it, and nothing about it is written elsewhere.
// Rows are constants; views in them live as long as the program.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <variant>

namespace winghorn::config {

enum class Kind : std::uint8_t {
  Text,         // a string, or None
  Integer,      // a whole number within the row's bounds; a string is read as Python reads literals
  Octal,        // as Integer; on the command line 0022 is octal
  Decimal,      // a number within the row's bounds, fractions allowed
  Flag,         // True or False
  Choice,       // one word of `choices`, in any case
  Switch,       // as Choice; False and None mean its first word
  TextList,     // a list of strings; the flag may be repeated
  CommaList,    // "a,b,c"
  Networks,     // a CommaList of addresses, networks and "*"
  Table,        // a dict of strings
  Dict,         // a dict that C++ does not look into
  Durations,    // a dict of path prefixes and seconds, fractions allowed
  WorkerClass,  // the name of a worker class
  User,         // a user's name or number
  Group,        // a group's name or number
  Class,        // a Python class or its dotted name
  Callable,     // a function
};

enum class Effect : std::uint8_t {
  Command,     // decides what this one start of the program does
  NewWorkers,  // in every worker that starts after a reload (HUP)
  Restart,     // when the server is started
};

enum class Availability : std::uint8_t {
  Works,
  NotYet,  // refused with `reason` unless it is given its default value
  Moot,    // accepted with a warning that says `reason`: nothing depends on it
};

// None, a flag, a number, or text; a list's or table's default is text too ("a,b", "K=v,L=w").
using Default = std::variant<std::monostate, bool, std::int64_t, std::string_view>;

inline constexpr std::int64_t kMostSeconds = 365LL * 24 * 3600 * 10;
inline constexpr std::int64_t kMostInteger = std::numeric_limits<std::int32_t>::max();

struct Setting {
  std::string_view name;
  std::string_view section;
  std::string_view flags = {};  // "-w --workers"; none: config file only
  std::string_view metavar = {};
  Kind kind = Kind::Text;
  std::string_view unit = {};
  Default fallback = {};
  std::int64_t least = 0;
  std::int64_t most = kMostInteger;
  std::string_view choices = {};          // "drop refuse dangerous"
  std::string_view complaint = {};        // of a Choice: "Invalid header map behaviour"
  bool stores_false = false;              // the flag means False (--no-sendfile)
  bool optional_value = false;            // the flag alone, or True, means the last of `choices`
  int arity = 0;                          // of a Callable
  std::string_view variable = {};         // the environment variable that gives the default
  std::string_view variable_prefix = {};  // put before that variable's value
  Effect effect = Effect::NewWorkers;
  Availability availability = Availability::Works;
  std::string_view reason = {};
  std::string_view help = {};
};

// "--workers" of "-w --workers": the flag that messages name. Empty when there is none.
std::string_view long_flag(const Setting& setting);

}  // namespace winghorn::config
