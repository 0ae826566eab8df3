// SPDX-License-Identifier: MIT
#include "core/engine/peer_counts.h"

#include <algorithm>
#include <optional>

namespace winghorn {
namespace {

constexpr std::size_t kNetworkBytes = 8;

std::optional<config::Address> client_of(const std::string& address) {
  std::optional<config::Address> client = config::parse_address(address);
  const config::Network v4{*config::parse_address("0.0.0.0"), 96};
  if (client && !v4.holds(*client)) std::fill(client->begin() + kNetworkBytes, client->end(), 0);
  return client;
}

}  // namespace

bool PeerCounts::has_room(const std::string& address) const {
  const std::optional<config::Address> client = client_of(address);
  const auto found = client ? counts_.find(*client) : counts_.end();
  return (found == counts_.end() ? 0 : found->second) < most_;
}

void PeerCounts::add(const std::string& address) {
  if (const std::optional<config::Address> client = client_of(address)) ++counts_[*client];
}

void PeerCounts::remove(const std::string& address) {
  const std::optional<config::Address> client = client_of(address);
  const auto found = client ? counts_.find(*client) : counts_.end();
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

}  // namespace winghorn
