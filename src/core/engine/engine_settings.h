// engine_settings.h: what a worker's engine is told at start; a value, the same for its whole life.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/http/forwarded.h"
#include "core/http/header_policy.h"
#include "core/http/limits.h"
#include "core/http/strictness.h"
#include "core/log/access_log.h"
#include "core/proxy/proxy_header.h"

namespace winghorn {

// How long requests may take; 0 is for ever, here and below.
struct RequestTimes {
  Nanos timeout{};
  std::vector<std::pair<std::string, Nanos>> by_prefix;  // of the path, as it came
  int status = 504;                                      // of the answer to one that took longer
  Nanos grace = Seconds(2);                              // for the code that is then stopped
  Nanos extension{};                                     // the most that an application may add
  unsigned stuck_slots = 0;  // so many that do not come to an end are replaced
  Nanos slow{};              // told of, and let go on
  Nanos queue{};             // waiting for a slot; then 503
};

struct EngineSettings {
  Limits limits;
  Strictness strictness;
  HeaderPolicy header_policy;
  std::string server_name = "winghorn";
  std::string spill_directory;
  std::vector<std::string> forwarded_allow_ips = {"127.0.0.1", "::1"};  // "*" stands for all
  ForwardedBy forwarded = ForwardedBy::Nobody;  // which header of those names the client
  bool speaks_uwsgi = false;                    // instead of HTTP
  std::vector<std::string> uwsgi_allow_ips = {"127.0.0.1", "::1"};  // likewise
  proxy::Versions proxy_protocol;  // looked for before the first request
  std::vector<std::string> proxy_allow_ips = {"127.0.0.1", "::1"};  // who may send one; "*": all
  bool keep_alive = true;
  RequestTimes request_times;

  unsigned slots = 1;
  // sync: the application runs on one thread at a time and must itself come back or give an item.
  // Otherwise only the interpreter must be free to enter.
  bool stuck_means_the_call = true;
  Nanos timeout = Seconds(30);  // 0: never
  Nanos graceful_timeout = Seconds(30);
  std::uint64_t max_requests = 0;  // then it asks for its successor; 0: never

  std::optional<log::AccessFormat> access_format;  // none: no access log
};

}  // namespace winghorn
