// SPDX-License-Identifier: MIT
#include "core/engine/dialect.h"

namespace winghorn {

Dialect::Dialect(const EngineSettings& settings)
    : speaks_uwsgi_(settings.speaks_uwsgi),
      allowed_(settings.uwsgi_allow_ips),
      packets_(settings.limits, settings.strictness) {}

const HeadFormat* Dialect::of_peer(const ConnectionInfo& peer) const {
  if (!speaks_uwsgi_) return nullptr;
  if (allowed_.trusts(peer.peer_address, peer.is_unix)) return &packets_;
  return &forbidden_;
}

}  // namespace winghorn
