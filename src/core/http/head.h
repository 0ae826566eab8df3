// head.h: what a request says before its body, in words that no protocol version owns.
//
// The views point into the bytes that the Exchange keeps, and live as long as it does. Names of fields
// are as received; everything has passed the protocol's grammar: no NUL, CR or LF is in any of it, except that a
// decoded path and the values of variables may hold any byte but NUL.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"

namespace winghorn {

struct Field {
  Bytes name;
  Bytes value;
};

// Where a request comes from. Empty: not known.
struct Client {
  Bytes address;
  Bytes port;
};

struct RequestHead {
  Bytes method;
  Bytes target;   // exactly as received
  Bytes path;     // of the target, without query and fragment; still percent-encoded, mostly
  Bytes query;    // without '?'
  Bytes version;  // "HTTP/1.1": how the application is told (SERVER_PROTOCOL)
  Bytes scheme;   // "http" or "https", a trusted proxy's word included
  std::vector<Field> fields;     // in order; those that the header policy drops are not here
  std::vector<Field> variables;  // a gateway's, for the application; each name once
  Bytes request_start;  // when a trusted proxy says that it had it (request_start.h); or empty
  std::optional<Client> client;  // as those say who are believed; else it is the connection's peer

  std::optional<std::uint64_t> content_length;
  bool length_unknown = false;    // there is a body, and only its end will tell how long it is
  bool expects_continue = false;  // the client waits for 100 before it sends the body
  bool path_is_decoded = false;   // by the gateway that sent it

  bool has_body() const { return length_unknown || content_length.value_or(0) > 0; }

  void clear() {
    method = target = path = query = version = scheme = request_start = {};
    fields.clear();
    client.reset();
    variables.clear();
    content_length.reset();
    length_unknown = expects_continue = path_is_decoded = false;
  }
};

// The ends of the connection that a load balancer passes on, as its PROXY header says.
struct ProxiedEnds {
  std::string protocol;  // "TCP4" or "TCP6"
  std::string client_address;
  std::string client_port;
  std::string proxy_address;
  std::string proxy_port;
};

// The two ends of a connection, as text, made once for each connection.
struct ConnectionInfo {
  std::string peer_address;                    // empty for a unix socket
  std::string peer_port;                       // empty for a unix socket
  std::string local_address;                   // of the accepted socket; the path of a unix socket
  std::string local_port;                      // empty for a unix socket
  std::shared_ptr<const ProxiedEnds> proxied;  // or null
  bool is_unix = false;
  bool trusted_forwarder = false;  // the peer's word on scheme and underscore names counts
  int socket = -1;                 // for applications that ask; open while an exchange lives
};

}  // namespace winghorn
