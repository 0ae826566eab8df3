// SPDX-License-Identifier: MIT
#include "core/config/value.h"

#include <fmt/format.h>

namespace winghorn::config {
namespace {

std::string list_text(const Strings& items) {
  std::string text = "[";
  for (const std::string& item : items) {
    if (text.size() > 1) text += ", ";
    text += quote(item);
  }
  return text + "]";
}

std::string dict_text(const Pairs& pairs) {
  std::string text = "{";
  for (const auto& [key, value] : pairs) {
    if (text.size() > 1) text += ", ";
    text += quote(key) + ": " + quote(value);
  }
  return text + "}";
}

// As Python prints it: a whole one still shows that it is no integer.
std::string decimal_text(double number) {
  std::string text = fmt::format("{}", number);
  const bool whole = text.find_first_not_of("-0123456789") == std::string::npos;
  return whole ? text + ".0" : text;
}

struct Printer {
  std::string operator()(std::monostate) const { return "None"; }
  std::string operator()(bool yes) const { return yes ? "True" : "False"; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(double number) const { return decimal_text(number); }
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(const Strings& items) const { return list_text(items); }
  std::string operator()(const Pairs& pairs) const { return dict_text(pairs); }
  std::string operator()(const Opaque& object) const { return object.text; }
};

// Bytes above 0x7f stay: a value that Python decoded as UTF-8 prints as it was written.
void append_escaped(std::string& out, char byte, char quote) {
  const auto code = static_cast<unsigned char>(byte);
  if (byte == quote || byte == '\\') {
    out += '\\';
    out += byte;
  } else if (byte == '\n') {
    out += "\\n";
  } else if (byte == '\r') {
    out += "\\r";
  } else if (byte == '\t') {
    out += "\\t";
  } else if (code < 0x20 || code == 0x7f) {
    out += fmt::format("\\x{:02x}", code);
  } else {
    out += byte;
  }
}

}  // namespace

std::string str(const Value& value) { return std::visit(Printer{}, value); }

std::string repr(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quote(*text);
  return str(value);
}

std::string quote(std::string_view text) {
  const bool single = text.find('\'') != std::string_view::npos;
  const char quote = single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char byte : text) append_escaped(out, byte, quote);
  out += quote;
  return out;
}

}  // namespace winghorn::config
