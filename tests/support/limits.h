// limits.h: limits for tests that are about something else: far away, and not the product's.
// SPDX-License-Identifier: MIT
#pragma once

#include "core/http/limits.h"

namespace winghorn {

inline Limits wide_limits() {
  Limits limits;
  limits.request_line_bytes = 4094;
  limits.header_fields = 100;
  limits.header_field_bytes = 8190;
  limits.body_memory_bytes = 128UL * 1024;
  limits.body_spill_bytes = 1ULL << 30;
  limits.request_body_bytes = 1ULL << 40;
  limits.connections = 20000;
  limits.peer_connections = 20000;
  limits.queued_requests = 2048;
  limits.first_byte = Seconds(30);
  limits.keepalive = Seconds(75);
  limits.head = Seconds(30);
  limits.body = Seconds(30);
  limits.write = Seconds(60);
  limits.linger = Seconds(2);
  limits.min_rate_bytes_per_second = 16;
  return limits;
}

}  // namespace winghorn
