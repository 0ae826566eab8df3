// SPDX-License-Identifier: MIT
#include "core/config/settings_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/config/settings_page.h"
#include "core/config/validate.h"
#include "core/config/words.h"

namespace winghorn::config {
namespace {

// All of gunicorn 27's settings, a line for each of its sections.
constexpr std::string_view kGunicorns =
    "config wsgi_app "
    "bind backlog "
    "workers worker_class threads worker_connections max_requests max_requests_jitter timeout "
    "graceful_timeout keepalive asgi_loop asgi_lifespan asgi_disconnect_grace_period "
    "websocket_max_message_size http_parser "
    "limit_request_line limit_request_fields limit_request_field_size "
    "reload reload_engine reload_extra_files spew check_config print_config "
    "preload_app sendfile reuse_port chdir daemon raw_env pidfile worker_tmp_dir user group umask "
    "initgroups tmp_upload_dir secure_scheme_headers forwarded_allow_ips pythonpath paste "
    "proxy_protocol proxy_allow_ips protocol uwsgi_allow_ips raw_paste_global_conf "
    "permit_obsolete_folding strip_header_spaces permit_unconventional_http_method "
    "permit_unconventional_http_version casefold_http_method forwarder_headers header_map "
    "root_path "
    "accesslog disable_redirect_access_to_syslog access_log_format errorlog loglevel "
    "capture_output "
    "logger_class logconfig logconfig_dict logconfig_json syslog_addr syslog syslog_prefix "
    "syslog_facility enable_stdio_inheritance statsd_host dogstatsd_tags statsd_prefix "
    "enable_backlog_metric "
    "proc_name default_proc_name "
    "on_starting on_reload when_ready pre_fork post_fork post_worker_init worker_int worker_abort "
    "pre_exec pre_request post_request child_exit worker_exit nworkers_changed on_exit ssl_context "
    "keyfile certfile ssl_version cert_reqs ca_certs suppress_ragged_eofs do_handshake_on_connect "
    "ciphers "
    "http_protocols http2_cleartext http2_max_concurrent_streams http2_initial_window_size "
    "http2_max_frame_size http2_max_header_list_size "
    "dirty_apps dirty_workers dirty_timeout dirty_threads dirty_graceful_timeout "
    "on_dirty_starting dirty_post_fork dirty_worker_init dirty_worker_exit "
    "control_socket control_socket_mode control_socket_disable";

constexpr std::string_view kOurs =
    "head_timeout body_timeout write_timeout body_buffer spill_limit "
    "request_timeout request_timeouts request_timeout_status request_timeout_grace "
    "request_timeout_extension stuck_slots_limit slow_request queue_limit queue_timeout "
    "socket_timeout first_byte_timeout minimum_rate linger_timeout limit_request_body "
    "limit_peer_connections require_host forwarded "
    "log_format";

std::set<std::string> words(std::string_view text) {
  const std::vector<std::string> items = split(text, ' ');
  return {items.begin(), items.end()};
}

TEST(SettingsTable, HasAllOfGunicornsSettingsAndNothingUnknown) {
  const std::set<std::string> gunicorns = words(kGunicorns);
  EXPECT_EQ(gunicorns.size(), 120U);
  std::set<std::string> expected = words(kOurs);
  expected.insert(gunicorns.begin(), gunicorns.end());
  std::set<std::string> rows;
  for (const Setting& setting : all_settings()) rows.insert(std::string(setting.name));
  EXPECT_EQ(rows, expected);
}

TEST(SettingsTable, HasGunicornsFlags) {
  const std::set<std::string> ours = words(kOurs);
  std::size_t with_flags = 0;
  std::size_t long_flags = 0;
  std::set<std::string> short_flags;
  std::set<std::string> all;
  for (const Setting& setting : all_settings()) {
    const std::vector<std::string> flags = split(setting.flags, ' ');
    for (const std::string& flag : flags) EXPECT_TRUE(all.insert(flag).second) << flag;
    if (ours.contains(std::string(setting.name))) continue;
    with_flags += flags.empty() ? 0 : 1;
    for (const std::string& flag : flags) {
      if (flag == "--access-log-format") continue;  // ours, for one of gunicorn's
      flag.starts_with("--") ? void(++long_flags) : void(short_flags.insert(flag));
    }
  }
  EXPECT_EQ(with_flags, 95U);
  EXPECT_EQ(long_flags, 97U);
  EXPECT_EQ(short_flags, words("-c -b -w -k -t -D -e -p -u -g -m -R -n"));
}

TEST(SettingsTable, RowsAreComplete) {
  for (const Setting& setting : all_settings()) {
    EXPECT_FALSE(setting.help.empty()) << setting.name;
    EXPECT_TRUE(setting.help.ends_with('.')) << setting.name;
    EXPECT_FALSE(setting.section.empty()) << setting.name;
    const bool takes_value = setting.kind != Kind::Flag && !setting.flags.empty();
    EXPECT_EQ(takes_value, !setting.metavar.empty()) << setting.name;
    EXPECT_EQ(setting.kind == Kind::Callable, setting.arity > 0) << setting.name;
    EXPECT_FALSE(expectation(setting).empty()) << setting.name;
  }
}

TEST(SettingsTable, DefaultsPassTheirOwnChecks) {
  for (const Setting& setting : all_settings()) {
    const Value fallback = default_value(setting);
    const auto checked = check_value(setting, fallback);
    ASSERT_TRUE(std::holds_alternative<Value>(checked))
        << setting.name << ": " << std::get<Complaint>(checked).text;
    EXPECT_EQ(std::get<Value>(checked), fallback) << setting.name;
  }
}

TEST(SettingsTable, SectionsStandTogether) {
  std::vector<std::string_view> sections;
  for (const Setting& setting : all_settings()) {
    if (sections.empty() || sections.back() != setting.section) {
      EXPECT_EQ(std::ranges::find(sections, setting.section), sections.end()) << setting.section;
      sections.push_back(setting.section);
    }
  }
}

TEST(SettingsPage, NamesEverySetting) {
  const std::string page = settings_page();
  for (const Setting& setting : all_settings()) {
    EXPECT_NE(page.find("`" + std::string(setting.name) + "`"), std::string::npos) << setting.name;
  }
}

}  // namespace
}  // namespace winghorn::config
