// fd_channel.h: messages that carry descriptors, among all processes that have inherited one socket pair.
//
// A message arrives whole, at one receiver, whoever takes it first; until then it lies with the kernel, so
// that it outlives its sender. Nothing here blocks. The descriptors of a message are closed with it when it is
// never taken: their files live on where somebody else has them.
//
// A process without a free descriptor would get a message and lose what it carries. So receive() keeps as many
// in reserve as a message can have, and takes none while it has no reserve.
// Fork: children inherit both ends; close() lets go of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "core/base/result.h"

namespace winghorn {

class FdChannel {
 public:
  static constexpr std::size_t kMostDescriptors = 2;
  // Of the bytes of one message: what the kernel's usual buffers take several of.
  static constexpr std::size_t kMostBytes = 17UL * 1024;

  enum class Received : std::uint8_t {
    Message,
    Nothing,
    OutOfResource,  // it waits; try again when descriptors are free
    Lost,           // somebody else took the last descriptors in that very moment
  };
  struct Message {
    Bytes bytes;  // valid until the next receive()
    std::array<Fd, kMostDescriptors> descriptors;
  };

  static Result<FdChannel> create();
  // None: neither sends nor receives.
  FdChannel() = default;
  FdChannel(Fd sending, Fd receiving)
      : sending_(std::move(sending)), receiving_(std::move(receiving)) {}

  explicit operator bool() const { return static_cast<bool>(receiving_); }
  int sending_end() const { return sending_.get(); }
  // Readable when a message waits.
  int receiving_end() const { return receiving_.get(); }

  // False: it was not sent, because too much waits or the kernel has no room; errno says what.
  bool send(std::span<iovec> bytes, std::span<const int> descriptors) const;
  Received receive(Message& into);
  bool is_empty() const;

  void close();

 private:
  bool have_reserve();

  Fd sending_;
  Fd receiving_;
  std::array<Fd, kMostDescriptors> reserve_;
  std::vector<char> buffer_;  // of one message; none until the first comes
};

}  // namespace winghorn
