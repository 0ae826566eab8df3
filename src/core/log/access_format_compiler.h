// access_format_compiler.h: reads Python's %(name)s formats and says what is wrong with one.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/log/access_log.h"

namespace winghorn::log {

class FormatCompiler {
 public:
  explicit FormatCompiler(std::string_view format) : format_(format) {}

  Status compile(std::vector<AccessFormat::Piece>& pieces, std::string& tail);

 private:
  Status read_piece(AccessFormat::Piece& piece);
  Status read_name(AccessFormat::Piece& piece);
  void read_flags(AccessFormat::Piece& piece);
  Status read_number(int& number);
  Status read_conversion(AccessFormat::Piece& piece);
  bool at_end() const { return at_ == format_.size(); }
  bool skip(char letter);
  Failure wrong(std::string_view what) const;

  std::string_view format_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;  // of the piece being read: its '%'
  std::string_view name_;  // in it
  bool only_percent_ = false;
};

}  // namespace winghorn::log
