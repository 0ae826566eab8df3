// listener_heritage.h: listening sockets that outlive the program that opened them.
//
// A program that is about to start its successor in its own place says which descriptors are which
// addresses, in text for the environment; the successor takes them over by the address it is asked to
// listen at. Of sockets that were themselves inherited by number (fd://N, systemd's) nothing needs to be
// said: they keep their numbers.
//   old:  keep_for_exec(listeners); environment: NAME=heritage_text(listeners); exec
//   new:  Heirlooms::from(value) → for each wanted address claim(); the rest closes with the object
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/listener.h"

namespace winghorn {

// Of those that were bound by address.
std::string heritage_text(const std::vector<Listener>& listeners);
// All of them: an exec leaves them open from now on.
Status keep_for_exec(const std::vector<Listener>& listeners);

class Heirlooms {
 public:
  // What is not understood, and a number that is no socket of this process's, is left alone.
  static Heirlooms from(std::string_view text);

  bool empty() const { return sockets_.empty(); }
  // The socket of that address; none when there is none, or when it was claimed before.
  std::optional<Result<Listener>> claim(const ListenAddress& address, const BindOptions& options);

 private:
  struct Heirloom {
    Fd socket;
    ListenAddress address;
    SocketFile file;
  };

  static std::optional<Heirloom> parse(std::string_view item);

  std::vector<Heirloom> sockets_;
};

}  // namespace winghorn
