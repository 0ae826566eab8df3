// settings.h: the configuration as the arbiter and the engine read it.
//
// A plain value, complete and checked: nothing in it needs another look. Made by make_settings(), once
// at start and again on each reload; a generation keeps the one it was born with. Defaults are the table's;
// what stands here before it was filled means nothing.
// Names are the settings' own; a unit that a type does not show stands last in the name.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/config/address.h"

namespace winghorn::config {

enum class WorkerClass : std::uint8_t { Sync, Gthread };

struct Settings {
  // What to run, and from where.
  std::string wsgi_app;  // MODULE[:EXPR]; empty when none was named
  std::string paste;     // FILE[#SECTION], absolute; empty: the application is wsgi_app
  std::vector<std::pair<std::string, std::string>> paste_global_conf;
  std::string config_file;  // the one that was read, as it was found; empty when there was none
  std::string chdir;        // absolute
  std::vector<std::string> pythonpath;                           // absolute, in the order given
  std::vector<std::pair<std::string, std::string>> environment;  // raw_env
  std::vector<std::string> reload_extra_files;  // absolute; files and patterns of them
  bool preload_app = false;
  bool check_config = false;
  bool print_config = false;

  // Listening sockets.
  std::vector<BindAddress> bind;  // at least one
  int backlog = 0;
  unsigned umask = 0;  // of Unix sockets
  bool reuse_port = false;

  // Who workers are.
  unsigned user = 0;
  unsigned group = 0;
  bool initgroups = false;

  bool daemon = false;
  std::string pidfile;    // absolute; empty: none
  std::string proc_name;  // in process titles

  // Processes, and what each may hold.
  int workers = 0;                               // 0: none are started
  WorkerClass worker_class = WorkerClass::Sync;  // Gthread already where threads promoted it
  std::string worker_class_name;                 // for "Using worker: ..."
  int threads = 0;                               // slots of a worker: 1 when sync, at least 1
  std::size_t worker_connections = 0;
  std::optional<Seconds> timeout;  // none: never
  Seconds graceful_timeout{0};
  std::uint64_t max_requests = 0;         // of a worker before it is replaced; 0: never
  std::uint64_t max_requests_jitter = 0;  // the most that is added, for each worker anew
  Seconds keepalive{0};                   // 0: a connection ends with its response

  // A request's own time.
  Nanos request_timeout{0};                                     // 0: for ever, here and in the next
  std::vector<std::pair<std::string, Nanos>> request_timeouts;  // by path prefix
  int request_timeout_status = 0;
  Nanos request_timeout_grace{0};
  Nanos request_timeout_extension{0};
  unsigned stuck_slots_limit = 0;
  Nanos slow_request{0};  // 0: none is
  std::size_t queue_limit = 0;
  Nanos queue_timeout{0};   // 0: for ever
  Nanos socket_timeout{0};  // 0: Python's default

  // A connection's clocks and buffers.
  Seconds first_byte_timeout{0};
  Seconds head_timeout{0};
  Seconds body_timeout{0};
  Seconds write_timeout{0};
  Seconds linger_timeout{0};
  std::uint64_t minimum_rate = 0;  // bytes a second
  std::size_t body_buffer_bytes = 0;
  std::uint64_t spill_limit_bytes = 0;
  std::string worker_tmp_dir;  // absolute; empty: the system's temporary folder
  bool sendfile = false;

  // What a request may look like. These are bounds to be kept as they are: 0 and gunicorn's own caps
  // have been resolved.
  std::size_t limit_request_line_bytes = 0;
  std::size_t limit_request_fields = 0;
  std::size_t limit_request_field_bytes = 0;
  std::uint64_t limit_request_body_bytes = 0;
  std::size_t limit_peer_connections = 0;
  bool permit_obsolete_folding = false;
  bool strip_header_spaces = false;
  bool permit_unconventional_http_method = false;
  bool permit_unconventional_http_version = false;
  bool casefold_http_method = false;
  bool require_host = false;

  // Whom to believe.
  std::vector<std::string> forwarded_allow_ips;  // addresses, networks, "*"; checked
  std::string protocol;                          // http or uwsgi
  std::vector<std::string> uwsgi_allow_ips;      // as forwarded_allow_ips
  std::vector<std::pair<std::string, std::string>> secure_scheme_headers;  // names in upper case
  std::string proxy_protocol;                                              // off, v1, v2 or auto
  std::vector<std::string> proxy_allow_ips;
  std::string forwarded;                       // off, x or rfc7239
  std::vector<std::string> forwarder_headers;  // upper case, or "*"
  std::string header_map;                      // drop, refuse or dangerous

  // Logs.
  std::optional<std::string> accesslog;  // none: off; "-": standard output; else a path
  std::string errorlog;                  // "-": standard error; else a path
  std::string access_log_format;
  std::string loglevel;    // debug, info, warning, error or critical
  std::string log_format;  // text or json
  bool capture_output = false;
  // Python's logging takes the lines: it has been configured, or something needs it.
  bool logs_by_python = false;
  bool backlog_metric = false;
  std::string
      statsd_host;  // a host's name or address, or with port 0 a socket's path; empty: no statsd
  unsigned statsd_port = 0;

  // What is odd about the configuration without being wrong; for the log, once it is open.
  std::vector<std::string> warnings;
};

}  // namespace winghorn::config
