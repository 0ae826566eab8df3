// forwarded.h: whom a request is from, when proxies in between say so.
//
// A proxy puts the address it has a request from behind those that it was told. So the list is read from its
// end, as long as each address is that of a proxy that is believed; the first that is not is the client, and
// what stands before it is only what that client says. Whether the peer itself is believed is for the caller
// to know. X-Forwarded-For has no standard; Forwarded is RFC 7239, whose other parameters are not used.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/http/head.h"

namespace winghorn {

enum class ForwardedBy : std::uint8_t { Nobody, X, Rfc7239 };

// Nothing: no such field, so the peer speaks for itself. What is malformed, "unknown" or hidden gives a client
// without an address: the proxy's own would be a lie. If all are believed, the one furthest away is the client.
std::optional<Client> forwarded_client(const std::vector<Field>& fields, ForwardedBy kind,
                                       const std::function<bool(Bytes)>& is_believed);

}  // namespace winghorn
