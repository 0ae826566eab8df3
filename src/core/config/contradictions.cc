// SPDX-License-Identifier: MIT
#include "core/config/contradictions.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

namespace winghorn::config {
namespace {

// What only counts beside something else.
struct Dependence {
  std::string_view setting;
  std::string_view needs;
};
constexpr std::array kDependences = {
    Dependence{"max_requests_jitter", "max_requests"},
    Dependence{"reload_extra_files", "reload"},
    Dependence{"raw_paste_global_conf", "paste"},
    Dependence{"enable_stdio_inheritance", "daemon"},
    Dependence{"syslog_addr", "syslog"},
    Dependence{"disable_redirect_access_to_syslog", "syslog"},
    Dependence{"syslog_prefix", "syslog"},
    Dependence{"syslog_facility", "syslog"},
    Dependence{"dogstatsd_tags", "statsd_host"},
    Dependence{"statsd_prefix", "statsd_host"},
    Dependence{"enable_backlog_metric", "statsd_host"},
};

// Kubernetes waits 30 s before it kills, docker stop 10 s.
constexpr Seconds kOrchestratorsPatience{30};

class Finder {
 public:
  explicit Finder(const Settings& settings) : settings_(settings) {}

  void look_at_processes() {
    const bool changes_user = settings_.user != ::geteuid();
    if (settings_.reuse_port && settings_.preload_app && changes_user) {
      found_.push_back({"reuse_port",
                        "a worker that was forked from a zygote has not the rights to sockets of "
                        "its own: leave out one of 'reuse_port', 'preload_app' and 'user'",
                        true});
    }
    if (changes_user && settings_.group == 0) {
      warn("group", "workers of another 'user' have the group root: set 'group', too");
    }
    const bool changes_group = settings_.group != ::getegid();
    if (settings_.initgroups && !changes_user && !changes_group) {
      warn("initgroups", "'initgroups' has no effect without 'user' or 'group'");
    }
    if (settings_.backlog_metric && settings_.reuse_port) {
      warn("enable_backlog_metric",
           "'enable_backlog_metric' is always 0 with 'reuse_port': each worker has a queue of its "
           "own");
    }
    if (settings_.capture_output && settings_.errorlog == "-") {
      warn("capture_output", "'capture_output' has no effect without a file as 'errorlog'");
    }
    if (settings_.worker_connections < static_cast<std::size_t>(settings_.threads)) {
      warn("worker_connections",
           fmt::format("of {} 'threads' only {} can ever be busy: so many 'worker_connections' "
                       "there are",
                       settings_.threads, settings_.worker_connections));
    }
  }

  void look_at_graceful_timeout() {
    if (settings_.graceful_timeout >= kOrchestratorsPatience) {
      warn("graceful_timeout",
           fmt::format("'graceful_timeout' is {} s: most orchestrators kill after {} s (docker "
                       "stop after 10 s) unless they are told otherwise",
                       settings_.graceful_timeout.count(), kOrchestratorsPatience.count()));
    }
  }

  void look_at_deadlines() {
    const bool is_sync = settings_.worker_class == WorkerClass::Sync;
    if (is_sync && settings_.timeout && settings_.request_timeout > *settings_.timeout) {
      warn("request_timeout",
           "'request_timeout' is longer than 'timeout', after which a sync worker is replaced "
           "together with its request");
    }
    const bool has_both =
        settings_.queue_timeout > Nanos(0) && settings_.request_timeout > Nanos(0);
    if (has_both && settings_.queue_timeout >= settings_.request_timeout) {
      warn("queue_timeout",
           "'queue_timeout' has no effect: a request that waits is over its 'request_timeout' "
           "before that");
    }
  }

  void warn(std::string_view setting, std::string text) {
    found_.push_back({setting, std::move(text)});
  }

  std::vector<Contradiction> take() { return std::move(found_); }

 private:
  const Settings& settings_;
  std::vector<Contradiction> found_;
};

}  // namespace

std::vector<Contradiction> contradictions(
    const Settings& settings, const std::function<bool(std::string_view name)>& is_given) {
  Finder finder(settings);
  finder.look_at_processes();
  // The default is gunicorn's: who has not chosen it need not hear of it at each start.
  if (is_given("graceful_timeout")) finder.look_at_graceful_timeout();
  finder.look_at_deadlines();
  for (const Dependence& one : kDependences) {
    if (!is_given(one.setting) || is_given(one.needs)) continue;
    finder.warn(one.setting,
                fmt::format("'{}' has no effect without '{}'", one.setting, one.needs));
  }
  return finder.take();
}

}  // namespace winghorn::config
