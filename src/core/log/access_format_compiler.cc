// SPDX-License-Identifier: MIT
#include "core/log/access_format_compiler.h"

#include <fmt/core.h>

#include "core/base/ascii.h"
#include "core/log/access_atoms.h"

namespace winghorn::log {
namespace {

constexpr int kMostWidth = 1000;  // of no use beyond, and each line would pay for it

}  // namespace

Status FormatCompiler::compile(std::vector<AccessFormat::Piece>& pieces, std::string& tail) {
  std::string text;
  while (!at_end()) {
    if (format_[at_] != '%') {
      text += format_[at_++];
      continue;
    }
    begin_ = at_++;
    if (skip('%')) {
      text += '%';
      continue;
    }
    AccessFormat::Piece piece;
    Status read = read_piece(piece);
    if (!read) return read;
    if (only_percent_) {
      text += '%';
      continue;
    }
    piece.before = std::exchange(text, {});
    pieces.push_back(std::move(piece));
  }
  tail = text + '\n';
  return Nothing{};
}

Status FormatCompiler::read_piece(AccessFormat::Piece& piece) {
  Status read = read_name(piece);
  if (!read) return read;
  const std::size_t after_name = at_;
  read_flags(piece);
  read = read_number(piece.width);
  if (!read) return read;
  if (skip('.')) {
    piece.precision = 0;
    read = read_number(piece.precision);
    if (!read) return read;
  }
  while (!at_end() && (format_[at_] == 'h' || format_[at_] == 'l' || format_[at_] == 'L')) ++at_;
  piece.plain = at_ == after_name;
  return read_conversion(piece);
}

// Parentheses in a name may nest, as in Python.
Status FormatCompiler::read_name(AccessFormat::Piece& piece) {
  if (!skip('(')) return wrong("'%' must be followed by '(name)'; a plain percent sign is '%%'");
  const std::size_t begin = at_;
  int depth = 1;
  while (!at_end()) {
    if (format_[at_] == '(') ++depth;
    if (format_[at_] == ')' && --depth == 0) break;
    ++at_;
  }
  if (at_end()) return wrong("the name is not closed with ')'");
  name_ = format_.substr(begin, at_++ - begin);
  if (name_.size() == 1 && kAtoms.find(name_[0]) != Bytes::npos) {
    piece.atom = name_[0];
  } else if (name_.size() > 2 && name_[0] == '{' && name_[name_.size() - 2] == '}') {
    const char kind = static_cast<char>(name_.back() | 0x20);
    if (kind == kRequestHeader || kind == kReplyHeader || kind == kEnvironValue) piece.atom = kind;
    piece.name = lower_case(name_.substr(1, name_.size() - 3));
  }
  return Nothing{};
}

void FormatCompiler::read_flags(AccessFormat::Piece& piece) {
  for (; !at_end(); ++at_) {
    switch (format_[at_]) {
      case '-':
        piece.left = true;
        break;
      case '0':
        piece.zero = true;
        break;
      case '+':
        piece.plus = true;
        break;
      case ' ':
        piece.blank = true;
        break;
      case '#':
        piece.alternate = true;
        break;
      default:
        return;
    }
  }
}

Status FormatCompiler::read_number(int& number) {
  if (!at_end() && format_[at_] == '*') return wrong("'*' has no number to take");
  for (; !at_end() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_) {
    number = number * 10 + (format_[at_] - '0');
    if (number > kMostWidth) return wrong(fmt::format("a width may be at most {}", kMostWidth));
  }
  return Nothing{};
}

Status FormatCompiler::read_conversion(AccessFormat::Piece& piece) {
  if (at_end()) return wrong("the format ends before the conversion (an 's', mostly)");
  piece.conversion = format_[at_++];
  only_percent_ = piece.conversion == '%';
  if (only_percent_) return Nothing{};
  if (piece.conversion == 'a') piece.conversion = 'r';
  if (piece.conversion == 's' || piece.conversion == 'r') {
    piece.plain = piece.plain && piece.conversion == 's';
    return Nothing{};
  }
  if (Bytes("diuoxXeEfFgG").find(piece.conversion) == Bytes::npos) {
    return wrong(fmt::format("'{}' is no conversion that can be used here", piece.conversion));
  }
  if (!is_number(piece.atom)) {
    return wrong(fmt::format("'{}' wants a number, and ({}) is a text", piece.conversion, name_));
  }
  piece.plain = piece.plain && (piece.conversion == 'd' || piece.conversion == 'i');
  return Nothing{};
}

bool FormatCompiler::skip(char letter) {
  if (at_end() || format_[at_] != letter) return false;
  ++at_;
  return true;
}

Failure FormatCompiler::wrong(std::string_view what) const {
  const std::string_view piece = format_.substr(begin_, at_ - begin_);
  return Failure{fmt::format("'{}' at position {}: {}", piece, begin_ + 1, what)};
}

}  // namespace winghorn::log
