// value.h: what a setting may hold, before and after it is checked, and where it was given.
//
// A Value is plain data: whoever speaks to Python turns objects into Values, and what has no
// counterpart here (a function, a class) into an Opaque that remembers how it prints.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace winghorn::config {

// An object that C++ does not look into.
struct Opaque {
  std::string text;  // str(object)
  std::string type;  // its class's name
  std::string
      culprit;  // of a list or dict that is no list of strings: how its first odd item prints
  std::string refusal =
      {};  // why whoever can look into it refuses it; empty: it is as it should be
  bool operator==(const Opaque&) const = default;
};

using Strings = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

// std::monostate is Python's None.
using Value =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, Strings, Pairs, Opaque>;

// In ascending precedence: a later one replaces an earlier one's value, lists included.
enum class Origin : std::uint8_t { Environment, ConfigFile, ArgumentsVariable, CommandLine };

struct Source {
  Origin origin = Origin::CommandLine;
  std::string where;  // the variable's name or the file's path; nothing for the command line
};

struct Given {
  std::string name;
  Value value;
  Source source;
};

// str(value), repr(value), and repr(text), as Python has them.
std::string str(const Value& value);
std::string repr(const Value& value);
std::string quote(std::string_view text);

}  // namespace winghorn::config
