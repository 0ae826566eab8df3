// packet.h: the head of a request as the uwsgi protocol sends it, strictly.
//
//   modifier1 (0)  size (u16le)  modifier2 (not looked at)  then `size` bytes of variables:
//   length (u16le)  name  length (u16le)  value
//
// The variables are CGI's, made by the gateway (nginx: uwsgi_pass), and each has one of these ends:
//
//   HTTP_X_Y                            a field X-Y, checked as HTTP's are; more of one name are more fields
//   CONTENT_TYPE, CONTENT_LENGTH        a field, or nothing when empty
//   REQUEST_METHOD, PATH_INFO, QUERY_STRING   the head's; PATH_INFO is decoded already
//   wsgi.url_scheme                     makes the scheme, with HTTPS and REQUEST_SCHEME
//   HTTP_TRANSFER_ENCODING              dropped: a body here is as long as CONTENT_LENGTH says, or refused
//   any other with a '.'                dropped: such keys of an environ are the server's
//   all others                          RequestHead::variables; none names a file or code for us
//
// Underscores are how CGI spells '-', so HeaderPolicy::header_map has nothing to say here.
// Sources: uwsgi-docs "The uwsgi protocol"; RFC 3875 section 4.1.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/http/head_format.h"
#include "core/http/limits.h"
#include "core/http/strictness.h"

namespace winghorn::uwsgi {

class PacketFormat final : public HeadFormat {
 public:
  PacketFormat(const Limits& limits, const Strictness& strictness)
      : limits_(limits), strictness_(strictness) {}

  Extent extent(Bytes arrived, const ConnectionInfo& connection) const override;
  // Where the packet names no REQUEST_URI, one is made and put behind it.
  Fault read(std::string& bytes, const ConnectionInfo& connection, RequestHead& head,
             RequestTraits& traits) const override;

 private:
  const Limits& limits_;
  const Strictness& strictness_;
};

// For peers that may not speak uwsgi: whatever they say is refused, once they say something.
class ForbiddenFormat final : public HeadFormat {
 public:
  Extent extent(Bytes arrived, const ConnectionInfo& connection) const override;
  Fault read(std::string& bytes, const ConnectionInfo& connection, RequestHead& head,
             RequestTraits& traits) const override;
};

}  // namespace winghorn::uwsgi
