// header_policy.h: whom we believe, and which header names reach the application.
//
// gunicorn's secure_scheme_headers, forwarder_headers and header_map, the same for every protocol.
// A value; made from the settings once for each worker.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace winghorn {

enum class HeaderMap : std::uint8_t { Drop, Refuse, Dangerous };

struct HeaderPolicy {
  // Upper-case name and the exact value that means https; only from a trusted peer.
  std::vector<std::pair<std::string, std::string>> secure_scheme_headers = {
      {"X-FORWARDED-PROTOCOL", "ssl"}, {"X-FORWARDED-PROTO", "https"}, {"X-FORWARDED-SSL", "on"}};
  // Upper-case names with '_' that a trusted peer may send; "*" stands for all.
  std::vector<std::string> forwarder_headers = {"SCRIPT_NAME", "PATH_INFO"};
  HeaderMap header_map = HeaderMap::Drop;  // what happens to any other name with '_'
};

}  // namespace winghorn
