// validate.h: one given value against one row of the table.
//
// Pure but for the user database (user and group names). What is accepted is what gunicorn accepts,
// and the first words of a complaint are gunicorn's, so that they can be searched for.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/config/setting.h"
#include "core/config/settings.h"
#include "core/config/value.h"

namespace winghorn::config {

struct Complaint {
  std::string text;
};

// The value in the form that the rest of the program relies on: Integer and Octal as std::int64_t,
// Decimal as that too if it is whole, else as double, Flag as bool (or None), lists as Strings, Table and
// Durations as Pairs, the others as std::string or None.
std::variant<Value, Complaint> check_value(const Setting& setting, const Value& value,
                                           Origin origin = Origin::ConfigFile);

// A finite number, written in digits; blanks around it are forgiven.
std::optional<double> decimal_of(std::string_view text);

// The row's default in that form.
Value default_value(const Setting& setting);

// What the row takes, in a reader's words: "a whole number from 0 to 512".
std::string expectation(const Setting& setting);

// The class that a name stands for; gunicorn's dotted names included. None if it is not built.
std::optional<WorkerClass> worker_class_of(std::string_view name);

}  // namespace winghorn::config
