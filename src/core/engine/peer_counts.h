// peer_counts.h: how many connections each client address holds open in this worker.
//
// An IPv6 client may call any address of its network its own, so a /64 counts as one. As many rows as there
// are open connections at most.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <string>

#include "core/config/network.h"

namespace winghorn {

class PeerCounts {
 public:
  explicit PeerCounts(std::size_t most) : most_(most) {}

  bool is_on() const { return most_ != std::numeric_limits<std::size_t>::max(); }
  bool has_room(const std::string& address) const;
  // What is no address is not counted.
  void add(const std::string& address);
  void remove(const std::string& address);
  std::size_t peers() const { return counts_.size(); }

 private:
  std::size_t most_;
  std::map<config::Address, std::size_t> counts_;
};

}  // namespace winghorn
