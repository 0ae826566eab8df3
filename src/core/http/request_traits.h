// request_traits.h: what the connection must know of a request beside its head.
// SPDX-License-Identifier: MIT
#pragma once

namespace winghorn {

struct RequestTraits {
  bool at_least_1_1 = false;  // the peer knows chunks and interim replies, and stays unless told
  bool is_head = false;
  bool is_connect = false;
  bool asks_close = false;       // a member of its Connection fields
  bool asks_keep_alive = false;  // likewise
  bool undecoded = false;        // gzip, deflate or compress below chunked: passed on as they are
};

}  // namespace winghorn
