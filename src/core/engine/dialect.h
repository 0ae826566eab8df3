// dialect.h: in which form requests come, as the settings say, and from whom they may.
//
// HTTP from everybody, or uwsgi packets from the peers in uwsgi_allow_ips; the reply is HTTP/1.1 in any
// case. Made once for each worker, outlives its sessions.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/engine/engine_settings.h"
#include "core/engine/trusted_peers.h"
#include "core/http/head_format.h"
#include "core/uwsgi/packet.h"

namespace winghorn {

class Dialect {
 public:
  explicit Dialect(const EngineSettings& settings);

  // For http1::Session; null is HTTP's own. `peer`: whoever is connected to us.
  const HeadFormat* of_peer(const ConnectionInfo& peer) const;
  // Of a connection that a sibling has let in.
  const HeadFormat* of_sibling() const { return speaks_uwsgi_ ? &packets_ : nullptr; }

 private:
  const bool speaks_uwsgi_;
  TrustedPeers allowed_;
  uwsgi::PacketFormat packets_;
  uwsgi::ForbiddenFormat forbidden_;
};

}  // namespace winghorn
