// line_cutter.h: makes lines of text that comes in pieces.
//
// A line is passed on without its end, in order; an empty one is left out. What has no end yet is kept, up
// to a bound: then it is passed on as it is.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "core/base/bytes.h"

namespace winghorn::log {

class LineCutter {
 public:
  static constexpr std::size_t kMostKept = 16 * 1024;

  template <class PassOn>
  void put(Bytes text, PassOn pass_on) {
    for (std::size_t end = 0; (end = text.find('\n')) != Bytes::npos;) {
      begun_ += text.substr(0, end);
      this->end(pass_on);
      text.remove_prefix(end + 1);
    }
    begun_ += text;
    if (begun_.size() >= kMostKept) this->end(pass_on);
  }

  // What has no end will not get one.
  template <class PassOn>
  void end(PassOn pass_on) {
    if (!begun_.empty()) pass_on(Bytes(begun_));
    begun_.clear();
  }

 private:
  std::string begun_;
};

}  // namespace winghorn::log
