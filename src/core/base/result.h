// result.h: a value, or the system call that failed and its errno.
//
// For trouble that the machine makes (no descriptors, fork refused). The caller backs off and goes on,
// or passes it up; nothing is thrown. A peer's trouble is a Verdict (core/http), ours a CHECK.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

#include "core/base/check.h"

namespace winghorn {

struct Failure {
  std::string doing;  // what was tried, in a reader's words: "bind 127.0.0.1:8000"
  int code = 0;       // errno; 0 when no system call is to blame

  std::string text() const { return code == 0 ? doing : doing + ": " + std::strerror(code); }
};

// The failure of the call that has just set errno.
inline Failure failure(std::string doing) {
  const int code = errno;
  return Failure{std::move(doing), code};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}            // NOLINT(google-explicit-constructor)
  Result(Failure failure) : state_(std::move(failure)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  const Failure& error() const {
    CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Failure> state_;
};

struct Nothing {};
using Status = Result<Nothing>;

}  // namespace winghorn
