// fd.h: the one owner of a file descriptor.
//
// Closes it when it goes; moves, never copies. A raw int elsewhere never owns.
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <utility>

namespace winghorn {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }
  void reset(int number = -1) {
    const int old = std::exchange(number_, number);
    // Not repeated on EINTR: Linux has closed it by then, and the number may already be another's.
    if (old >= 0) ::close(old);
  }

 private:
  int number_ = -1;
};

}  // namespace winghorn
