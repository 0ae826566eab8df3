// SPDX-License-Identifier: MIT
#include "python/module/engine_settings_from.h"

#include <cstdlib>

namespace winghorn {
namespace {

Limits limits_from(const config::Settings& settings) {
  Limits limits;
  limits.request_line_bytes = settings.limit_request_line_bytes;
  limits.header_fields = settings.limit_request_fields;
  limits.header_field_bytes = settings.limit_request_field_bytes;
  limits.body_memory_bytes = settings.body_buffer_bytes;
  limits.body_spill_bytes = settings.spill_limit_bytes;
  limits.queued_requests = settings.queue_limit;
  limits.connections = settings.worker_connections;
  limits.peer_connections = settings.limit_peer_connections;
  limits.request_body_bytes = settings.limit_request_body_bytes;
  limits.first_byte = settings.first_byte_timeout;
  limits.keepalive = settings.keepalive;
  limits.head = settings.head_timeout;
  limits.body = settings.body_timeout;
  limits.write = settings.write_timeout;
  limits.linger = settings.linger_timeout;
  limits.min_rate_bytes_per_second = settings.minimum_rate;
  return limits;
}

RequestTimes request_times_from(const config::Settings& settings) {
  RequestTimes times;
  times.timeout = settings.request_timeout;
  times.by_prefix = settings.request_timeouts;
  times.status = settings.request_timeout_status;
  times.grace = settings.request_timeout_grace;
  times.extension = settings.request_timeout_extension;
  times.stuck_slots = settings.stuck_slots_limit;
  times.slow = settings.slow_request;
  times.queue = settings.queue_timeout;
  return times;
}

HeaderMap header_map_named(const std::string& word) {
  if (word == "dangerous") return HeaderMap::Dangerous;
  return word == "refuse" ? HeaderMap::Refuse : HeaderMap::Drop;
}

ForwardedBy forwarded_by(const std::string& word) {
  if (word == "x") return ForwardedBy::X;
  return word == "rfc7239" ? ForwardedBy::Rfc7239 : ForwardedBy::Nobody;
}

}  // namespace

std::string spill_directory(const config::Settings& settings) {
  if (!settings.worker_tmp_dir.empty()) return settings.worker_tmp_dir;
  for (const auto& [name, value] : settings.environment) {
    if (name == "TMPDIR" && !value.empty()) return value;
  }
  const char* temporary = std::getenv("TMPDIR");
  return temporary != nullptr && *temporary != '\0' ? temporary : "/tmp";
}

std::optional<log::AccessFormat> access_format_from(const config::Settings& settings,
                                                    PythonLogger logger) {
  if (logger == PythonLogger::TakesRequests) return log::AccessFormat::whole();
  if (logger == PythonLogger::TakesLines) {
    return log::AccessFormat::wrapped(settings.access_log_format).value();
  }
  if (!settings.accesslog) return std::nullopt;
  return log::AccessFormat::compile(settings.access_log_format).value();
}

EngineSettings engine_settings_from(const config::Settings& settings, PythonLogger logger) {
  const bool sync = settings.worker_class == config::WorkerClass::Sync;
  EngineSettings engine;
  engine.limits = limits_from(settings);
  engine.strictness = {
      .no_folding = !settings.permit_obsolete_folding,
      .no_space_before_colon = !settings.strip_header_spaces,
      .conventional_method = !settings.permit_unconventional_http_method,
      .conventional_version = !settings.permit_unconventional_http_version,
      .case_sensitive_method = !settings.casefold_http_method,
      .host_required = settings.require_host,
  };
  engine.header_policy = {settings.secure_scheme_headers, settings.forwarder_headers,
                          header_map_named(settings.header_map)};
  engine.spill_directory = spill_directory(settings);
  const bool any_version = settings.proxy_protocol == "auto";
  engine.proxy_protocol = {.v1 = any_version || settings.proxy_protocol == "v1",
                           .v2 = any_version || settings.proxy_protocol == "v2"};
  engine.proxy_allow_ips = settings.proxy_allow_ips;
  engine.forwarded = forwarded_by(settings.forwarded);
  engine.forwarded_allow_ips = settings.forwarded_allow_ips;
  engine.speaks_uwsgi = settings.protocol == "uwsgi";
  engine.uwsgi_allow_ips = settings.uwsgi_allow_ips;
  engine.request_times = request_times_from(settings);
  engine.keep_alive = settings.keepalive > Seconds(0);
  engine.slots = sync ? 1U : static_cast<unsigned>(settings.threads);
  engine.stuck_means_the_call = sync;
  engine.timeout = settings.timeout.value_or(Seconds(0));
  engine.graceful_timeout = settings.graceful_timeout;
  engine.access_format = access_format_from(settings, logger);
  if (const char* name = std::getenv("SCRIPT_NAME")) engine.script_name = name;
  return engine;
}

}  // namespace winghorn
