// trusted_peers.h: whose word counts: gunicorn's forwarded_allow_ips and its kin.
//
// Addresses, networks in CIDR form, or "*" for everybody. A unix peer is always trusted: whoever reaches
// the socket file was let in by its permissions. Made once; an entry that is neither is ignored here, the
// settings have refused it before.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "core/config/network.h"

namespace winghorn {

class TrustedPeers {
 public:
  explicit TrustedPeers(const std::vector<std::string>& entries);

  bool trusts(const std::string& address, bool is_unix) const;
  // A proxy further away, of which a peer speaks: "*" lets in whoever comes, not all whom they know.
  bool names(const std::string& address) const;

 private:
  bool everybody_ = false;
  std::vector<config::Network> networks_;
};

}  // namespace winghorn
