// head_format.h: how a request's head is read where it is not HTTP/1's own.
//
// For gateways that pass HTTP requests on in a form of theirs and take HTTP/1.1 replies without chunks
// (core/uwsgi). It has no state: what has come of a head is kept by the caller, so one object serves all
// connections of a worker. The body is Content-Length bytes, as they are, behind the head.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "core/base/bytes.h"
#include "core/http/head.h"
#include "core/http/refusal.h"
#include "core/http/request_traits.h"

namespace winghorn {

class HeadFormat {
 public:
  struct Extent {
    std::size_t bytes = 0;  // of the whole head; 0: not known before more of it is there
    Fault fault;            // no need to wait for more
  };

  virtual ~HeadFormat() = default;

  // `arrived` begins with the head's first byte, which is there.
  virtual Extent extent(Bytes arrived, const ConnectionInfo& connection) const = 0;

  // `bytes`: a head as extent() delimits it, or as an earlier call has left it, perhaps in another process; both
  // give the same `head`, whose views point into them. On a fault head and traits hold what was read until
  // then. `head` is expected to be clear.
  virtual Fault read(std::string& bytes, const ConnectionInfo& connection, RequestHead& head,
                     RequestTraits& traits) const = 0;
};

}  // namespace winghorn
