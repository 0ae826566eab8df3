// SPDX-License-Identifier: MIT
#include "core/engine/trusted_peers.h"

#include <algorithm>

namespace winghorn {

TrustedPeers::TrustedPeers(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    if (entry == "*") everybody_ = true;
    const auto parsed = config::parse_network(entry);
    if (const auto* network = std::get_if<config::Network>(&parsed)) networks_.push_back(*network);
  }
}

bool TrustedPeers::trusts(const std::string& address, bool is_unix) const {
  return is_unix || everybody_ || names(address);
}

bool TrustedPeers::names(const std::string& address) const {
  const std::optional<config::Address> peer = config::parse_address(address);
  return peer && std::ranges::any_of(networks_,
                                     [&](const config::Network& one) { return one.holds(*peer); });
}

}  // namespace winghorn
