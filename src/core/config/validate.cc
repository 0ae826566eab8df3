// SPDX-License-Identifier: MIT
#include "core/config/validate.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/base/ascii.h"
#include "core/base/number_text.h"
#include "core/config/address.h"
#include "core/config/network.h"
#include "core/config/words.h"

namespace winghorn::config {
namespace {

using Checked = std::variant<Value, Complaint>;

Complaint not_a_string(const Value& value) {
  const auto* object = std::get_if<Opaque>(&value);
  const bool list = object != nullptr && !object->culprit.empty();
  return {fmt::format("Not a string: {}", list ? object->culprit : str(value))};
}

bool is_none(const Value& value) { return std::holds_alternative<std::monostate>(value); }

// ---- numbers

// As Python's int(text, 0), within 64 bits: 5, 0xff, 0o17, 0b1, 1_000; 010 is nothing.
std::optional<std::int64_t> python_integer(std::string_view text) {
  text = stripped(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 2 && text[0] == '0') {
    const char mark = lower_case(text.substr(1, 1))[0];
    base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10) text.remove_prefix(2);
  }
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if (i == 0 || i + 1 == text.size() || text[i - 1] == '_') {
      return std::nullopt;
    }
  }
  const bool zeros = digits.find_first_not_of('0') == std::string::npos;
  if (digits.empty() || (base == 10 && digits[0] == '0' && !zeros)) return std::nullopt;
  if (negative) digits.insert(0, 1, '-');
  std::int64_t number = 0;
  const char* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, number, base);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

std::optional<std::int64_t> legacy_octal(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 8);
  if (!text.starts_with('0') || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

Checked within_bounds(const Setting& setting, std::int64_t number) {
  if (number < 0) return Complaint{fmt::format("Value must be positive: {}", number)};
  if (number < setting.least) {
    return Complaint{fmt::format("Value must be at least {}: {}", setting.least, number)};
  }
  if (number > setting.most) {
    return Complaint{fmt::format("Value must be at most {}: {}", setting.most, number)};
  }
  return Value(number);
}

Checked check_integer(const Setting& setting, const Value& value, Origin origin) {
  if (const auto* yes = std::get_if<bool>(&value)) return within_bounds(setting, *yes ? 1 : 0);
  if (const auto* number = std::get_if<std::int64_t>(&value))
    return within_bounds(setting, *number);
  if (const auto* text = std::get_if<std::string>(&value)) {
    std::optional<std::int64_t> number = python_integer(*text);
    if (!number && setting.kind == Kind::Octal && origin >= Origin::ArgumentsVariable) {
      number = legacy_octal(*text);
    }
    if (number) return within_bounds(setting, *number);
    return Complaint{fmt::format("invalid literal for int() with base 0: {}", quote(*text))};
  }
  return Complaint{fmt::format("Not a whole number: {}", str(value))};
}

// A whole number stays one, so that a value and the default that it equals are the same.
Checked check_decimal(const Setting& setting, const Value& value) {
  const auto* number = std::get_if<double>(&value);
  const auto* text = std::get_if<std::string>(&value);
  if (std::holds_alternative<std::int64_t>(value)) {
    return check_integer(setting, value, Origin::ConfigFile);
  }
  if (number == nullptr && text == nullptr) {
    return Complaint{fmt::format("Not a number: {}", str(value))};
  }
  const std::optional<double> parsed = text != nullptr ? decimal_of(*text) : *number;
  if (!parsed || !std::isfinite(*parsed)) {
    return Complaint{fmt::format("Not a number: {}", repr(value))};
  }
  if (*parsed < 0) return Complaint{fmt::format("Value must be positive: {}", str(value))};
  const double whole = std::floor(*parsed);
  if (*parsed > static_cast<double>(setting.most)) {
    return Complaint{fmt::format("Value must be at most {}: {}", setting.most, str(value))};
  }
  if (*parsed < static_cast<double>(setting.least)) {
    return Complaint{fmt::format("Value must be at least {}: {}", setting.least, str(value))};
  }
  if (whole == *parsed) return Value(static_cast<std::int64_t>(whole));
  return Value(*parsed);
}

// ---- words

Checked check_flag(const Value& value, Origin origin) {
  if (is_none(value) || std::holds_alternative<bool>(value)) return value;
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return Complaint{fmt::format("Invalid type for casting: {}", str(value))};
  const std::string word = lower_case(stripped(*text));
  if (origin == Origin::Environment) {
    return Value(word == "y" || word == "1" || word == "yes" || word == "true");
  }
  if (word == "true") return Value(true);
  if (word == "false") return Value(false);
  return Complaint{fmt::format("Invalid boolean: {}", *text)};
}

Checked check_text(const Value& value) {
  if (is_none(value)) return value;
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return not_a_string(value);
  return Value(std::string(stripped(*text)));
}

Checked check_choice(const Setting& setting, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return Complaint{fmt::format("Invalid type for casting: {}", str(value))};
  const std::string word = lower_case(stripped(*text));
  const Strings words = split(setting.choices, ' ');
  if (std::ranges::find(words, word) != words.end()) return Value(word);
  const std::string complaint = setting.complaint.empty() ? fmt::format("Invalid {}", setting.name)
                                                          : std::string(setting.complaint);
  return Complaint{fmt::format("{}: {}", complaint, *text)};
}

// False, None and their spellings are the first choice: off.
Checked check_switch(const Setting& setting, const Value& value) {
  const std::string word = lower_case(stripped(str(value)));
  if (word == "false" || word == "none" || word == "0") return default_value(setting);
  const bool is_on = word == "true" || word == "1";
  if (is_on && setting.optional_value) {
    const std::string_view last = setting.choices.substr(setting.choices.rfind(' ') + 1);
    return check_choice(setting, Value(std::string(last)));
  }
  return check_choice(setting, value);
}

// ---- lists and tables

Checked check_text_list(const Value& value) {
  if (is_none(value)) return Value(Strings{});
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (text->empty()) return Value(Strings{});
    return Value(Strings{std::string(stripped(*text))});
  }
  const auto* items = std::get_if<Strings>(&value);
  if (items == nullptr) return not_a_string(value);
  Strings out;
  for (const std::string& item : *items) out.emplace_back(stripped(item));
  return Value(std::move(out));
}

Checked check_comma_list(const Value& value) {
  if (is_none(value)) return Value(Strings{});
  if (const auto* text = std::get_if<std::string>(&value)) return Value(split(*text, ','));
  return check_text_list(value);
}

Checked check_networks(const Value& value) {
  Checked checked = check_comma_list(value);
  const auto* list = std::get_if<Value>(&checked);
  if (list == nullptr) return checked;
  for (const std::string& item : std::get<Strings>(*list)) {
    if (item == "*") continue;
    auto parsed = parse_network(item);
    if (auto* text = std::get_if<std::string>(&parsed)) return Complaint{std::move(*text)};
  }
  return checked;
}

Checked check_table(const Value& value) {
  if (std::holds_alternative<Pairs>(value)) return value;
  const auto* object = std::get_if<Opaque>(&value);
  if (object != nullptr && object->type == "dict") return not_a_string(value);
  return Complaint{fmt::format("Value is not a dictionary: {}", str(value))};
}

Checked check_dict(const Value& value) {
  const auto* object = std::get_if<Opaque>(&value);
  const auto* pairs = std::get_if<Pairs>(&value);
  if (pairs != nullptr || (object != nullptr && object->type == "dict")) return value;
  return Complaint{fmt::format("Value is not a dictionary: {}", str(value))};
}

// A class or a function of Python's is passed on; what it is worth shows when it is used.
Checked check_class(const Value& value) {
  return std::holds_alternative<Opaque>(value) ? value : check_text(value);
}

Checked check_durations(const Setting& setting, const Value& value) {
  const auto* pairs = std::get_if<Pairs>(&value);
  if (pairs == nullptr) {
    const auto* object = std::get_if<Opaque>(&value);
    if (object == nullptr || object->type != "dict") {
      return Complaint{fmt::format("Value is not a dictionary: {}", str(value))};
    }
    return Complaint{fmt::format("Neither a path nor a number of seconds: {}", object->culprit)};
  }
  for (const auto& [path, seconds] : *pairs) {
    if (!path.starts_with('/')) {
      return Complaint{fmt::format("A path prefix begins with '/': {}", quote(path))};
    }
    const Checked checked = check_decimal(setting, seconds);
    if (const auto* wrong = std::get_if<Complaint>(&checked)) {
      return Complaint{fmt::format("{} (for {})", wrong->text, quote(path))};
    }
  }
  return value;
}

// ---- names that something must be found by

// What setresuid(2) takes for a user; -1 means to it that nothing changes.
bool is_id(std::int64_t number) { return number >= 0 && number < 0xFFFFFFFF; }

std::optional<std::int64_t> id_in(const Value& value) {
  const auto* const given = std::get_if<std::int64_t>(&value);
  const auto number = given != nullptr ? std::optional(*given) : python_integer(str(value));
  return number && is_id(*number) ? number : std::nullopt;
}

Checked check_user(const Value& value) {
  if (is_none(value)) return Value(static_cast<std::int64_t>(geteuid()));
  if (const auto number = id_in(value)) return Value(*number);
  const std::string name = str(value);
  const passwd* entry = getpwnam(name.c_str());
  if (entry != nullptr) return Value(static_cast<std::int64_t>(entry->pw_uid));
  return Complaint{fmt::format("No such user: {}", quote(name))};
}

Checked check_group(const Value& value) {
  if (is_none(value)) return Value(static_cast<std::int64_t>(getegid()));
  if (const auto number = id_in(value)) return Value(*number);
  const std::string name = str(value);
  const group* entry = getgrnam(name.c_str());
  if (entry != nullptr) return Value(static_cast<std::int64_t>(entry->gr_gid));
  return Complaint{fmt::format("No such group: {}", quote(name))};
}

// Whether it can be called, and with how many arguments, Python has looked up.
Checked check_callable(const Value& value) {
  const auto* object = std::get_if<Opaque>(&value);
  if (object == nullptr) return Complaint{fmt::format("Value is not callable: {}", str(value))};
  if (!object->refusal.empty()) return Complaint{object->refusal};
  return value;
}

std::string worker_class_refusal(std::string_view name) {
  const std::string shown = quote(name);
  if (name == "asgi" || name == "gunicorn.workers.gasgi.ASGIWorker") {
    return fmt::format("worker class {} is not supported yet by winghorn", shown);
  }
  if (name.starts_with("uvicorn")) {
    return fmt::format(
        "worker class {} is not supported: winghorn will serve ASGI applications by itself, "
        "with -k asgi, and that is not supported yet",
        shown);
  }
  constexpr std::array kPlanned = {"gevent", "gevent_wsgi", "gevent_pywsgi", "tornado"};
  const bool planned = std::ranges::find(kPlanned, name) != kPlanned.end();
  if (planned || name.starts_with("gunicorn.workers.")) {
    return fmt::format("worker class {} is not supported yet by winghorn", shown);
  }
  if (name == "eventlet") return "worker class 'eventlet' is gone from gunicorn too (version 26)";
  if (name.find_first_of(".:#") == std::string_view::npos) {
    return fmt::format("there is no worker class {}", shown);
  }
  return fmt::format("worker class {} is not supported: custom worker classes cannot be used yet",
                     shown);
}

Checked check_worker_class(const Value& value) {
  const auto* object = std::get_if<Opaque>(&value);
  if (object != nullptr && !object->refusal.empty()) return Complaint{object->refusal};
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) {
    return Complaint{
        fmt::format("{} is not the name of a worker class; classes of your own cannot be used yet",
                    str(value))};
  }
  const std::string name(stripped(*text));
  if (worker_class_of(name)) return Value(name);
  return Complaint{worker_class_refusal(name)};
}

Pairs pairs_of(std::string_view text) {
  Pairs pairs;
  for (const std::string& item : split(text, ',')) {
    const std::size_t equals = item.find('=');
    pairs.emplace_back(item.substr(0, equals), item.substr(equals + 1));
  }
  return pairs;
}

std::string choice_of(std::string_view words) {
  const Strings items = split(words, ' ');
  return fmt::format("one of {}", fmt::join(items, ", "));
}

std::string number_expectation(const Setting& setting) {
  const std::string_view space = setting.unit.empty() ? "" : " ";
  const std::string what = fmt::format(
      "a whole number{}{}", space, setting.unit.empty() ? "" : fmt::format("of {}", setting.unit));
  if (setting.most >= kMostSeconds) return fmt::format("{}, {} or more", what, setting.least);
  return fmt::format("{} from {} to {}", what, setting.least, setting.most);
}

}  // namespace

std::optional<double> decimal_of(std::string_view text) {
  const std::optional<double> number = number_from<double>(stripped(text));
  return number && std::isfinite(*number) ? number : std::nullopt;
}

std::optional<WorkerClass> worker_class_of(std::string_view name) {
  constexpr std::string_view kEgg = "egg:gunicorn#";
  if (name.starts_with(kEgg)) name.remove_prefix(kEgg.size());
  if (name.starts_with('#')) name.remove_prefix(1);
  if (name == "sync" || name == "gunicorn.workers.sync.SyncWorker") return WorkerClass::Sync;
  if (name == "gthread" || name == "gunicorn.workers.gthread.ThreadWorker") {
    return WorkerClass::Gthread;
  }
  return std::nullopt;
}

std::variant<Value, Complaint> check_value(const Setting& setting, const Value& value,
                                           Origin origin) {
  switch (setting.kind) {
    case Kind::Text:
      return check_text(value);
    case Kind::Class:
      return check_class(value);
    case Kind::Integer:
    case Kind::Octal:
      return check_integer(setting, value, origin);
    case Kind::Decimal:
      return check_decimal(setting, value);
    case Kind::Flag:
      return check_flag(value, origin);
    case Kind::Choice:
      return check_choice(setting, value);
    case Kind::Switch:
      return check_switch(setting, value);
    case Kind::TextList:
      return check_text_list(value);
    case Kind::CommaList:
      return check_comma_list(value);
    case Kind::Networks:
      return check_networks(value);
    case Kind::Table:
      return check_table(value);
    case Kind::Dict:
      return check_dict(value);
    case Kind::Durations:
      return check_durations(setting, value);
    case Kind::WorkerClass:
      return check_worker_class(value);
    case Kind::User:
      return check_user(value);
    case Kind::Group:
      return check_group(value);
    case Kind::Callable:
      return check_callable(value);
  }
  return value;
}

Value default_value(const Setting& setting) {
  if (setting.kind == Kind::User) return static_cast<std::int64_t>(geteuid());
  if (setting.kind == Kind::Group) return static_cast<std::int64_t>(getegid());
  if (const auto* flag = std::get_if<bool>(&setting.fallback)) return *flag;
  if (const auto* number = std::get_if<std::int64_t>(&setting.fallback)) return *number;
  const auto* text = std::get_if<std::string_view>(&setting.fallback);
  if (text == nullptr) return std::monostate{};
  switch (setting.kind) {
    case Kind::TextList:
    case Kind::CommaList:
    case Kind::Networks:
      return split(*text, ',');
    case Kind::Table:
    case Kind::Dict:
    case Kind::Durations:
      return pairs_of(*text);
    case Kind::Callable:
      return Opaque{.text = fmt::format("<{}()>", *text), .type = "function", .culprit = {}};
    default:
      return std::string(*text);
  }
}

std::string expectation(const Setting& setting) {
  switch (setting.kind) {
    case Kind::Text:
      return "a string";
    case Kind::Integer:
      return number_expectation(setting);
    case Kind::Decimal:
      return fmt::format("a number of {}, fractions allowed", setting.unit);
    case Kind::Octal:
      return fmt::format("a number from 0 to 0o{:o}", setting.most);
    case Kind::Flag:
      return "True or False";
    case Kind::Choice:
    case Kind::Switch:
    case Kind::WorkerClass:
      return choice_of(setting.choices);
    case Kind::TextList:
      return "a list of strings";
    case Kind::CommaList:
      return "names separated by commas";
    case Kind::Networks:
      return "addresses or networks separated by commas, or *";
    case Kind::Table:
      return "a dictionary of strings";
    case Kind::Dict:
      return "a dictionary";
    case Kind::Durations:
      return "a dictionary of path prefixes and seconds";
    case Kind::User:
      return "a user's name or number";
    case Kind::Group:
      return "a group's name or number";
    case Kind::Class:
      return "a class or its dotted name";
    case Kind::Callable:
      return fmt::format("a function of {} argument{}", setting.arity,
                         setting.arity == 1 ? "" : "s");
  }
  return {};
}

}  // namespace winghorn::config
