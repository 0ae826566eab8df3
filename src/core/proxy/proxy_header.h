// proxy_header.h: the PROXY protocol, versions 1 and 2: what a load balancer says of a connection before its bytes.
//
// As HAProxy's proxy-protocol.txt has it (2020/03/05). The header is optional: bytes that begin otherwise are left
// alone. It may arrive in parts, and is judged when it is whole or cannot become good any more. A balancer that
// speaks for itself (v2 LOCAL, as in its health checks) or does not know (UNKNOWN, UNSPEC, a unix socket) leaves
// the connection's own ends as they are. Extensions (TLVs) are passed over; a checksum among them must be right.
// Memory: the header, bounded by 107 bytes or Limits::proxy_header_bytes, and what arrived with it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/http/head.h"
#include "core/http/limits.h"
#include "core/http/refusal.h"

namespace winghorn::proxy {

struct Versions {
  bool v1 = false;
  bool v2 = false;

  bool any() const { return v1 || v2; }
};

class HeaderReader {
 public:
  enum class Result : std::uint8_t {
    More,
    Absent,    // there is none: rest() is all that has arrived
    Complete,  // ends() says what it said, rest() is what came behind it
    Refused,   // refusal() says why
  };

  HeaderReader(Versions versions, const Limits& limits)
      : versions_(versions), most_bytes_(limits.proxy_header_bytes) {}

  Result feed(Bytes arrived);
  bool begun() const { return !held_.empty(); }
  Bytes rest() const { return Bytes(held_).substr(used_); }
  // Null: nothing that counts.
  std::shared_ptr<const ProxiedEnds> ends() const { return ends_; }
  const Refusal& refusal() const { return refusal_; }

 private:
  Result read_text();
  Result read_binary();
  Result read_address_block(unsigned family, unsigned transport, std::size_t size);
  Result refuse(Refusal why);

  const Versions versions_;
  const std::size_t most_bytes_;
  std::string held_;  // all that has arrived
  std::size_t used_ = 0;
  std::shared_ptr<const ProxiedEnds> ends_;
  Refusal refusal_;
};

}  // namespace winghorn::proxy
