// SPDX-License-Identifier: MIT
#include "core/config/make_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <system_error>

#include "core/base/ascii.h"
#include "core/config/contradictions.h"
#include "core/config/settings_table.h"
#include "core/config/statsd_address.h"
#include "core/config/validate.h"
#include "core/config/words.h"
#include "core/log/access_log.h"

namespace winghorn::config {
namespace {

constexpr std::int64_t kGunicornsLineCap = 8190;
constexpr std::int64_t kLineWithoutLimit = 1024 * 1024;
constexpr std::int64_t kGunicornsFieldsCap = 32768;
constexpr std::int64_t kGunicornsFieldSize = 8190;

std::string flag_in_parentheses(const Setting& setting) {
  const std::string_view flag = long_flag(setting);
  return flag.empty() ? "" : fmt::format(" ({})", flag);
}

Nanos nanos_of(double seconds) {
  // Not rounded to none, which would be for ever.
  return std::chrono::ceil<Nanos>(std::chrono::duration<double>(seconds));
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.front() != '_' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Collects the final values, one name at a time, with all that is wrong or odd about them.
class Checker {
 public:
  Checker() {
    for (const Setting& setting : all_settings()) {
      values_.emplace(setting.name, default_value(setting));
    }
  }

  void take(const Given& given) {
    const Setting* setting = find_setting(given.name);
    if (setting == nullptr) return take_unknown(given);
    sources_.insert_or_assign(given.name, given.source);
    if (setting->name == "config" && given.source.origin == Origin::ConfigFile) {
      return warn("'config' has no effect inside a config file", given.source, "config");
    }
    switch (setting->availability) {
      case Availability::Works:
        return take_checked(*setting, given);
      case Availability::NotYet:
        return take_if_default(*setting, given);
      case Availability::Moot:
        return take_moot(*setting, given);
    }
  }

  // The text says what is wrong; the row says what would be right.
  void complain(std::string_view text, std::string_view name) {
    complaints_.push_back(fmt::format("{} (setting '{}', {}; it takes {})", text, name,
                                      whence(name), expectation(*find_setting(name))));
  }

  // The text says both.
  void object_to(std::string_view text, std::string_view name) {
    complaints_.push_back(fmt::format("{} (setting '{}', {})", text, name, whence(name)));
  }

  void warn(std::string text) { warnings_.push_back(std::move(text)); }

  bool given(std::string_view name) const { return sources_.contains(name); }
  const Value& value(std::string_view name) const { return values_.find(name)->second; }
  void replace(std::string_view name, Value value) {
    values_.find(name)->second = std::move(value);
  }
  std::int64_t number(std::string_view name) const { return std::get<std::int64_t>(value(name)); }
  bool flag(std::string_view name) const {
    const auto* yes = std::get_if<bool>(&value(name));
    return yes != nullptr && *yes;
  }
  Nanos duration(std::string_view name) const {
    const auto* whole = std::get_if<std::int64_t>(&value(name));
    if (whole != nullptr) return Seconds(*whole);
    return nanos_of(std::get<double>(value(name)));
  }
  const Strings& list(std::string_view name) const { return std::get<Strings>(value(name)); }
  // None is the empty string.
  std::string text(std::string_view name) const {
    const auto* text = std::get_if<std::string>(&value(name));
    return text == nullptr ? std::string() : *text;
  }

  Complaints take_complaints() { return std::move(complaints_); }
  Strings take_warnings() { return std::move(warnings_); }
  auto take_values() { return std::move(values_); }

 private:
  std::string whence(std::string_view name) const {
    const auto source = sources_.find(name);
    if (source == sources_.end()) return "by default";
    return "from " + describe(source->second, name);
  }

  void warn(std::string_view text, const Source& source, std::string_view name) {
    warnings_.push_back(fmt::format("{} (from {})", text, describe(source, name)));
  }

  void take_checked(const Setting& setting, const Given& given) {
    std::variant<Value, Complaint> checked = check_value(setting, given.value, given.source.origin);
    if (auto* value = std::get_if<Value>(&checked)) return replace(setting.name, std::move(*value));
    complain(std::get<Complaint>(checked).text, setting.name);
  }

  void take_if_default(const Setting& setting, const Given& given) {
    const std::variant<Value, Complaint> checked =
        check_value(setting, given.value, given.source.origin);
    const auto* value = std::get_if<Value>(&checked);
    const Value fallback = default_value(setting);
    if (value != nullptr && (*value == fallback || says_nothing(setting, *value))) return;
    complaints_.push_back(fmt::format(
        "setting '{}'{} is not supported by winghorn yet: {} (from {})", setting.name,
        flag_in_parentheses(setting), setting.reason, describe(given.source, setting.name)));
  }

  // An empty list, or no text, asks for as little as the default does.
  static bool says_nothing(const Setting& setting, const Value& value) {
    if (const auto* items = std::get_if<Strings>(&value)) return items->empty();
    const auto* text = std::get_if<std::string>(&value);
    const bool empty = std::holds_alternative<std::monostate>(value) || (text && text->empty());
    const bool textual = setting.kind == Kind::Text || setting.kind == Kind::Flag;
    const auto* on = std::get_if<bool>(&setting.fallback);
    return empty && textual && (on == nullptr || !*on);
  }

  void take_moot(const Setting& setting, const Given& given) {
    const std::variant<Value, Complaint> checked =
        check_value(setting, given.value, given.source.origin);
    const auto* value = std::get_if<Value>(&checked);
    if (value != nullptr && *value == default_value(setting)) return;
    if (value != nullptr) replace(setting.name, *value);
    warn(fmt::format("setting '{}' has no effect: {}", setting.name, setting.reason), given.source,
         setting.name);
  }

  void take_unknown(const Given& given) {
    if (given.source.origin != Origin::ConfigFile) {
      const std::string_view near = nearest_setting(given.name);
      complaints_.push_back(
          fmt::format("there is no setting '{}'{} (from {})", given.name,
                      near.empty() ? "" : fmt::format("; did you mean '{}'?", near),
                      describe(given.source, given.name)));
      return;
    }
    const std::string_view why = retired_setting(given.name);
    if (!why.empty()) {
      return warn(fmt::format("setting '{}' has no effect: {}", given.name, why), given.source,
                  given.name);
    }
    warn_of_near_miss(given);
  }

  // A config file is Python and may hold names of its own. A function can only have been meant for a
  // hook, plain data only for anything else; modules and classes are nobody's setting.
  void warn_of_near_miss(const Given& given) {
    if (!is_plain_name(given.name)) return;
    const std::string_view near = nearest_setting(given.name);
    if (near.empty()) return;
    const auto* object = std::get_if<Opaque>(&given.value);
    const bool function = object != nullptr && object->type == "function";
    const bool data = object == nullptr || object->type == "list" || object->type == "dict";
    const bool hook = find_setting(near)->kind == Kind::Callable;
    if (hook ? !function : !data) return;
    warn(fmt::format("'{}' is not a setting; did you mean '{}'?", given.name, near), given.source,
         given.name);
  }

  std::map<std::string, Value, std::less<>> values_;
  std::map<std::string, Source, std::less<>> sources_;
  Complaints complaints_;
  Strings warnings_;
};

std::string absolute(std::string_view path, const std::string& base) {
  const std::filesystem::path joined = std::filesystem::path(base) / path;
  std::string text = joined.lexically_normal().string();
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

bool is_directory(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

std::string paste_file(const std::string& paste) { return paste.substr(0, paste.find('#')); }

// The key ends at the first '=' without a backslash before it.
std::size_t paste_key_size(std::string_view entry) {
  std::size_t equals = entry.find('=');
  while (equals != std::string_view::npos && equals > 0 && entry[equals - 1] == '\\') {
    equals = entry.find('=', equals + 1);
  }
  return equals;
}

std::string without_escapes(std::string text) {
  for (std::size_t at = text.find("\\="); at != std::string::npos; at = text.find("\\=", at + 1)) {
    text.erase(at, 1);
  }
  return text;
}

void fill_paste(Checker& checker, const Start& start, Settings& out) {
  for (const std::string& entry : checker.list("raw_paste_global_conf")) {
    const std::size_t key_size = paste_key_size(entry);
    if (key_size == std::string::npos) {
      checker.object_to(fmt::format("{} is not written KEY=VALUE", quote(entry)),
                        "raw_paste_global_conf");
      continue;
    }
    out.paste_global_conf.emplace_back(without_escapes(entry.substr(0, key_size)),
                                       without_escapes(entry.substr(key_size + 1)));
  }
  const std::string paste = checker.text("paste");
  if (paste.empty()) return;
  const std::string file = absolute(paste_file(paste), start.directory);
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    checker.object_to(fmt::format("{} not found", quote(file)), "paste");
  }
  out.paste = file + paste.substr(paste_file(paste).size());
}

void fill_start(Checker& checker, const Start& start, Settings& out) {
  out.wsgi_app = checker.text("wsgi_app");
  out.config_file = start.config_file;
  out.preload_app = checker.flag("preload_app");
  out.check_config = checker.flag("check_config");
  out.print_config = checker.flag("print_config");
  const std::string chdir = checker.text("chdir");
  out.chdir = absolute(chdir, start.directory);
  if (!is_directory(out.chdir)) {
    checker.object_to(fmt::format("can't chdir to {}", quote(out.chdir)), "chdir");
  }
  checker.replace("chdir", out.chdir);
  fill_paste(checker, start, out);
  const std::string application = out.paste.empty() ? out.wsgi_app : paste_file(out.paste);
  if (!application.empty() && !checker.given("default_proc_name")) {
    checker.replace("default_proc_name", application);
  }
  const std::string proc_name = checker.text("proc_name");
  out.proc_name = proc_name.empty() ? checker.text("default_proc_name") : proc_name;
  for (const std::string& folder : split(checker.text("pythonpath"), ',')) {
    out.pythonpath.push_back(absolute(folder, out.chdir));
  }
}

// Relative to where the server was started, not to chdir; as gunicorn has it.
void fill_reload(Checker& checker, const Start& start, Settings& out) {
  for (const std::string& file : checker.list("reload_extra_files")) {
    std::error_code ignored;
    const std::string whole = absolute(file, start.directory);
    const bool is_pattern = file.find_first_of("*?[") != std::string::npos;
    if (!is_pattern && !std::filesystem::exists(whole, ignored)) {
      checker.object_to(fmt::format("File {} does not exists.", file), "reload_extra_files");
    }
    out.reload_extra_files.push_back(whole);
  }
}

void fill_environment(Checker& checker, Settings& out) {
  for (const std::string& entry : checker.list("raw_env")) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0) {
      checker.object_to(
          fmt::format("environment setting {} invalid: it is written KEY=VALUE", quote(entry)),
          "raw_env");
      continue;
    }
    out.environment.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
}

void fill_sockets(Checker& checker, Settings& out) {
  for (const std::string& text : checker.list("bind")) {
    std::variant<BindAddress, std::string> parsed = parse_bind_address(text);
    if (auto* address = std::get_if<BindAddress>(&parsed)) {
      out.bind.push_back(std::move(*address));
      continue;
    }
    const std::string& what = std::get<std::string>(parsed);
    checker.object_to(fmt::format("cannot listen at {}: {}", quote(text), what), "bind");
  }
  if (checker.list("bind").empty()) {
    checker.object_to("there is no address to listen at; give one, as in 127.0.0.1:8000", "bind");
  }
  if (const std::string file = checker.text("pidfile"); !file.empty()) {
    out.pidfile = absolute(file, out.chdir);
  }
  out.reuse_port = checker.flag("reuse_port");
  out.daemon = checker.flag("daemon");
  out.backlog = static_cast<int>(checker.number("backlog"));
  out.umask = static_cast<unsigned>(checker.number("umask"));
  out.user = static_cast<unsigned>(checker.number("user"));
  out.group = static_cast<unsigned>(checker.number("group"));
  out.initgroups = checker.flag("initgroups");
}

void fill_workers(Checker& checker, Settings& out) {
  out.workers = static_cast<int>(checker.number("workers"));
  out.worker_connections = static_cast<std::size_t>(checker.number("worker_connections"));
  const auto threads = static_cast<int>(checker.number("threads"));
  out.worker_class_name = checker.text("worker_class");
  out.worker_class = worker_class_of(out.worker_class_name).value_or(WorkerClass::Sync);
  if (out.worker_class == WorkerClass::Gthread && threads == 0) {
    checker.object_to("a gthread worker needs at least 1 thread: 0", "threads");
  }
  if (out.worker_class == WorkerClass::Sync && threads > 1) {
    out.worker_class = WorkerClass::Gthread;
    out.worker_class_name = "gthread";
  }
  out.threads = out.worker_class == WorkerClass::Sync ? 1 : std::max(threads, 1);
  const std::int64_t timeout = checker.number("timeout");
  out.timeout = timeout == 0 ? std::nullopt : std::optional(Seconds(timeout));
  out.graceful_timeout = Seconds(checker.number("graceful_timeout"));
  out.keepalive = Seconds(checker.number("keepalive"));
  out.max_requests = static_cast<std::uint64_t>(checker.number("max_requests"));
  out.max_requests_jitter = static_cast<std::uint64_t>(checker.number("max_requests_jitter"));
}

void fill_deadlines(Checker& checker, Settings& out) {
  out.request_timeout = checker.duration("request_timeout");
  for (const auto& [path, seconds] : std::get<Pairs>(checker.value("request_timeouts"))) {
    out.request_timeouts.emplace_back(path, nanos_of(decimal_of(seconds).value_or(0)));
  }
  out.request_timeout_status = static_cast<int>(checker.number("request_timeout_status"));
  out.request_timeout_grace = checker.duration("request_timeout_grace");
  out.request_timeout_extension = checker.duration("request_timeout_extension");
  out.stuck_slots_limit = static_cast<unsigned>(checker.number("stuck_slots_limit"));
  out.slow_request = checker.duration("slow_request");
  out.queue_limit = static_cast<std::size_t>(checker.number("queue_limit"));
  out.queue_timeout = checker.duration("queue_timeout");
  out.socket_timeout = checker.duration("socket_timeout");
}

void fill_connections(Checker& checker, Settings& out) {
  out.first_byte_timeout = Seconds(checker.number("first_byte_timeout"));
  out.head_timeout = Seconds(checker.number("head_timeout"));
  out.body_timeout = Seconds(checker.number("body_timeout"));
  out.write_timeout = Seconds(checker.number("write_timeout"));
  out.linger_timeout = Seconds(checker.number("linger_timeout"));
  out.minimum_rate = static_cast<std::uint64_t>(checker.number("minimum_rate"));
  out.body_buffer_bytes = static_cast<std::size_t>(checker.number("body_buffer"));
  out.spill_limit_bytes = static_cast<std::uint64_t>(checker.number("spill_limit"));
  const Value& sendfile = checker.value("sendfile");
  out.sendfile = std::holds_alternative<std::monostate>(sendfile) || checker.flag("sendfile");
  const std::string folder = checker.text("worker_tmp_dir");
  if (folder.empty()) return;
  out.worker_tmp_dir = absolute(folder, out.chdir);
  if (!is_directory(out.worker_tmp_dir)) {
    checker.object_to(
        fmt::format("{} doesn't exist. Can't create temporary files.", out.worker_tmp_dir),
        "worker_tmp_dir");
  }
}

template <class Number>
Number unlimited_if_zero(std::int64_t number) {
  return number == 0 ? std::numeric_limits<Number>::max() : static_cast<Number>(number);
}

void fill_requests(Checker& checker, Settings& out) {
  const std::int64_t line = checker.number("limit_request_line");
  const std::int64_t fields = checker.number("limit_request_fields");
  const std::int64_t field = checker.number("limit_request_field_size");
  out.limit_request_line_bytes =
      static_cast<std::size_t>(line == 0 ? kLineWithoutLimit : std::min(line, kGunicornsLineCap));
  out.limit_request_fields = static_cast<std::size_t>(
      fields == 0 ? kGunicornsFieldsCap : std::min(fields, kGunicornsFieldsCap));
  out.limit_request_field_bytes =
      static_cast<std::size_t>(field == 0 ? kGunicornsFieldSize : field);
  out.limit_request_body_bytes =
      unlimited_if_zero<std::uint64_t>(checker.number("limit_request_body"));
  out.limit_peer_connections =
      unlimited_if_zero<std::size_t>(checker.number("limit_peer_connections"));
  out.permit_obsolete_folding = checker.flag("permit_obsolete_folding");
  out.strip_header_spaces = checker.flag("strip_header_spaces");
  out.permit_unconventional_http_method = checker.flag("permit_unconventional_http_method");
  out.permit_unconventional_http_version = checker.flag("permit_unconventional_http_version");
  out.casefold_http_method = checker.flag("casefold_http_method");
  out.require_host = checker.flag("require_host");
}

void fill_trust(Checker& checker, Settings& out) {
  out.forwarded_allow_ips = checker.list("forwarded_allow_ips");
  out.forwarded = checker.text("forwarded");
  out.proxy_protocol = checker.text("proxy_protocol");
  out.proxy_allow_ips = checker.list("proxy_allow_ips");
  out.protocol = checker.text("protocol");
  out.uwsgi_allow_ips = checker.list("uwsgi_allow_ips");
  for (const auto& [name, value] : std::get<Pairs>(checker.value("secure_scheme_headers"))) {
    out.secure_scheme_headers.emplace_back(upper_case(name), value);
  }
  for (const std::string& name : checker.list("forwarder_headers")) {
    out.forwarder_headers.push_back(upper_case(name));
  }
  out.header_map = checker.text("header_map");
}

void fill_logs(Checker& checker, Settings& out) {
  const std::string accesslog = checker.text("accesslog");
  if (!accesslog.empty()) out.accesslog = accesslog;
  const std::string errorlog = checker.text("errorlog");
  out.errorlog = errorlog.empty() ? "-" : errorlog;
  out.access_log_format = checker.text("access_log_format");
  const auto format = log::AccessFormat::compile(out.access_log_format);
  if (!format) checker.object_to(format.error().text(), "access_log_format");
  std::string level = lower_case(checker.text("loglevel"));
  constexpr std::array kLevels = {"debug", "info", "warning", "error", "critical"};
  if (std::ranges::find(kLevels, level) == kLevels.end()) {
    if (!level.empty()) {
      checker.warn(fmt::format("there is no log level {}: 'info' is used (the levels are {})",
                               quote(level), fmt::join(kLevels, ", ")));
    }
    level = "info";
  }
  out.loglevel = level;
  out.log_format = checker.text("log_format");
  out.capture_output = checker.flag("capture_output");
}

// A relative one is looked for where the application runs.
void check_log_config(Checker& checker, std::string_view name, const std::string& folder) {
  const std::string file = checker.text(name);
  std::error_code ignored;
  if (file.empty() || std::filesystem::exists(absolute(file, folder), ignored)) return;
  checker.object_to(fmt::format("log config {} not found", quote(file)), name);
}

bool has_own_logger(const Checker& checker) {
  constexpr std::array kDefaults = {"", "simple", "gunicorn.glogging.Logger",
                                    "winghorn.glogging.Logger"};
  const bool is_class = std::holds_alternative<Opaque>(checker.value("logger_class"));
  return is_class || std::ranges::find(kDefaults, checker.text("logger_class")) == kDefaults.end();
}

void fill_python_logging(Checker& checker, Settings& out) {
  for (const std::string_view name : {"logconfig", "logconfig_json"}) {
    check_log_config(checker, name, out.chdir);
  }
  if (const std::string statsd = checker.text("statsd_host"); !statsd.empty()) {
    if (const auto address = parse_statsd_address(statsd)) {
      out.statsd_host = address->host;
      out.statsd_port = address->port;
    } else {
      checker.object_to("Value must be one of ('host:port', 'unix://PATH')", "statsd_host");
    }
  }
  out.backlog_metric = checker.flag("enable_backlog_metric") && !out.statsd_host.empty();
  const bool has_config = !checker.text("logconfig").empty() ||
                          !checker.text("logconfig_json").empty() ||
                          std::holds_alternative<Opaque>(checker.value("logconfig_dict"));
  out.logs_by_python =
      has_config || has_own_logger(checker) || checker.flag("syslog") || !out.statsd_host.empty();
  if (out.logs_by_python && out.log_format == "json") {
    checker.warn(
        "setting 'log_format' has no effect: the log goes through Python's logging, which is "
        "configured by logconfig, logconfig_dict, logconfig_json or logger_class");
  }
}

void point_out_contradictions(Checker& checker, const Settings& settings) {
  const auto is_given = [&checker](std::string_view name) {
    return checker.given(name) && checker.value(name) != default_value(*find_setting(name));
  };
  for (const Contradiction& found : contradictions(settings, is_given)) {
    if (found.is_fatal) {
      checker.object_to(found.text, found.setting);
    } else {
      checker.warn(found.text);
    }
  }
}

// The last value given for each name, in the order of precedence.
std::vector<const Given*> last_of_each(std::span<const Given> given) {
  std::vector<const Given*> last;
  for (const Given& one : given) {
    std::erase_if(last, [&](const Given* earlier) { return earlier->name == one.name; });
    last.push_back(&one);
  }
  return last;
}

}  // namespace

std::string describe(const Source& source, std::string_view setting) {
  const Setting* row = find_setting(setting);
  const std::string_view flag = row == nullptr ? std::string_view() : long_flag(*row);
  switch (source.origin) {
    case Origin::Environment:
      return "the environment variable " + source.where;
    case Origin::ConfigFile:
      return source.where;
    case Origin::ArgumentsVariable:
      return fmt::format("{} in {}", flag, source.where);
    case Origin::CommandLine:
      return flag.empty() ? "the command line" : fmt::format("{} on the command line", flag);
  }
  return source.where;
}

std::variant<LoadedSettings, Complaints> make_settings(std::span<const Given> given,
                                                       const Start& start) {
  Checker checker;
  for (const std::string& warning : start.warnings) checker.warn(warning);
  for (const Given* one : last_of_each(given)) checker.take(*one);
  LoadedSettings loaded;
  Settings& out = loaded.settings;
  fill_start(checker, start, out);
  fill_reload(checker, start, out);
  fill_environment(checker, out);
  fill_sockets(checker, out);
  fill_workers(checker, out);
  fill_deadlines(checker, out);
  fill_connections(checker, out);
  fill_requests(checker, out);
  fill_trust(checker, out);
  fill_logs(checker, out);
  fill_python_logging(checker, out);
  point_out_contradictions(checker, out);
  Complaints complaints = checker.take_complaints();
  if (!complaints.empty()) return complaints;
  out.warnings = checker.take_warnings();
  loaded.values = checker.take_values();
  return loaded;
}

}  // namespace winghorn::config
