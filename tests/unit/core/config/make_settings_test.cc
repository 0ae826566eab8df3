// SPDX-License-Identifier: MIT
#include "core/config/make_settings.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/config/print_config.h"
#include "core/config/settings_table.h"

namespace winghorn::config {
namespace {

const Start kStart = {.directory = "/tmp", .config_file = {}};

Given from_file(std::string name, Value value) {
  return {std::move(name), std::move(value), {Origin::ConfigFile, "/srv/gunicorn.conf.py"}};
}
Given from_command(std::string name, Value value) {
  return {std::move(name), std::move(value), {Origin::CommandLine, ""}};
}
Given from_variable(std::string name, std::string value, std::string variable) {
  return {std::move(name), std::move(value), {Origin::Environment, std::move(variable)}};
}
Value text(const char* s) { return std::string(s); }
Value number(std::int64_t n) { return n; }

LoadedSettings load(const std::vector<Given>& given) {
  auto result = make_settings(given, kStart);
  const auto* complaints = std::get_if<Complaints>(&result);
  EXPECT_EQ(complaints, nullptr) << complaints->front();
  return complaints == nullptr ? std::get<LoadedSettings>(std::move(result)) : LoadedSettings();
}

Complaints refused(const std::vector<Given>& given) {
  auto result = make_settings(given, kStart);
  const auto* complaints = std::get_if<Complaints>(&result);
  EXPECT_NE(complaints, nullptr);
  return complaints == nullptr ? Complaints{""} : *complaints;
}

Opaque function() { return {.text = "<function f>", .type = "function", .culprit = {}}; }

TEST(MakeSettings, DefaultsAreGunicornsButForKeepalive) {
  const Settings settings = load({}).settings;
  ASSERT_EQ(settings.bind.size(), 1U);
  EXPECT_EQ(settings.bind[0], (BindAddress{.host = "127.0.0.1", .port = 8000}));
  EXPECT_EQ(settings.backlog, 2048);
  EXPECT_EQ(settings.workers, 1);
  EXPECT_EQ(settings.worker_class, WorkerClass::Sync);
  EXPECT_EQ(settings.threads, 1);
  EXPECT_EQ(settings.timeout, Seconds(30));
  EXPECT_EQ(settings.graceful_timeout, Seconds(30));
  EXPECT_EQ(settings.keepalive, Seconds(75));
  EXPECT_EQ(settings.limit_request_line_bytes, 4094U);
  EXPECT_EQ(settings.limit_request_fields, 100U);
  EXPECT_EQ(settings.limit_request_field_bytes, 8190U);
  EXPECT_TRUE(settings.sendfile);
  EXPECT_FALSE(settings.accesslog.has_value());
  EXPECT_EQ(settings.errorlog, "-");
  EXPECT_EQ(settings.loglevel, "info");
  EXPECT_EQ(settings.chdir, "/tmp");
  EXPECT_EQ(settings.forwarded_allow_ips, (Strings{"127.0.0.1", "::1"}));
  EXPECT_EQ(settings.protocol, "http");
  EXPECT_EQ(settings.uwsgi_allow_ips, (Strings{"127.0.0.1", "::1"}));
  EXPECT_EQ(settings.secure_scheme_headers.size(), 3U);
  EXPECT_TRUE(settings.warnings.empty());
}

TEST(MakeSettings, DeadlinesInFractionsOfSeconds) {
  const Settings settings =
      load({from_file("request_timeout", 1.5),
            from_file("request_timeouts", Pairs{{"/reports/", "120"}, {"/events", "0"}}),
            from_command("slow_request", text("0.25")), from_command("queue_timeout", text("0.5"))})
          .settings;
  EXPECT_EQ(settings.request_timeout, Millis(1500));
  ASSERT_EQ(settings.request_timeouts.size(), 2U);
  EXPECT_EQ(settings.request_timeouts[0],
            (std::pair<std::string, Nanos>("/reports/", Seconds(120))));
  EXPECT_EQ(settings.slow_request, Millis(250));
  EXPECT_EQ(settings.queue_timeout, Millis(500));
  EXPECT_EQ(settings.queue_limit, 2048U);
  EXPECT_EQ(settings.request_timeout_grace, Seconds(2));
  EXPECT_EQ(settings.request_timeout_status, 504);
  EXPECT_EQ(load({}).settings.request_timeout, Nanos(0));
  EXPECT_GT(load({from_file("request_timeout", 1e-12)}).settings.request_timeout, Nanos(0));
}

TEST(MakeSettings, LaterSourcesReplaceEarlierOnesListsToo) {
  const Settings settings =
      load({from_variable("workers", "7", "WEB_CONCURRENCY"),
            from_file("bind", Strings{"a:1", "b:2"}), from_file("workers", number(3)),
            from_command("bind", Strings{"c:3"})})
          .settings;
  EXPECT_EQ(settings.workers, 3);
  ASSERT_EQ(settings.bind.size(), 1U);
  EXPECT_EQ(settings.bind[0], (BindAddress{.host = "c", .port = 3}));
}

TEST(MakeSettings, OnlyTheValueThatCountsIsChecked) {
  EXPECT_EQ(load({from_variable("workers", "many", "WEB_CONCURRENCY"),
                  from_command("workers", number(2))})
                .settings.workers,
            2);
}

TEST(MakeSettings, ComplaintsSayWhatWhereAndWhatWouldBeRight) {
  EXPECT_EQ(refused({from_command("workers", number(-1))})[0],
            "Value must be positive: -1 (setting 'workers', from --workers on the command line; it "
            "takes a whole number of processes from 0 to 512)");
  EXPECT_EQ(
      refused({from_variable("workers", "many", "WEB_CONCURRENCY")})[0],
      "invalid literal for int() with base 0: 'many' (setting 'workers', from the environment "
      "variable WEB_CONCURRENCY; it takes a whole number of processes from 0 to 512)");
  EXPECT_EQ(refused({from_file("header_map", text("x"))})[0],
            "Invalid header map behaviour: x (setting 'header_map', from /srv/gunicorn.conf.py; it "
            "takes one of drop, refuse, dangerous)");
  EXPECT_EQ(
      refused({{"bind", Strings{"x:99999"}, {Origin::ArgumentsVariable, "GUNICORN_CMD_ARGS"}}})[0],
      "cannot listen at 'x:99999': '99999' is not a valid port number: ports end at 65535. "
      "(setting 'bind', from --bind in GUNICORN_CMD_ARGS)");
}

TEST(MakeSettings, AllComplaintsAtOnce) {
  EXPECT_EQ(refused({from_file("workers", text("x")), from_file("threads", number(-1)),
                     from_file("raw_env", Strings{"FOO"})})
                .size(),
            3U);
}

TEST(MakeSettings, AnUnsupportedSettingIsRefusedWhereverItStands) {
  EXPECT_EQ(refused({from_command("certfile", text("x.pem"))})[0],
            "setting 'certfile' (--certfile) is not supported by winghorn yet: TLS is not spoken; "
            "let a proxy in front terminate it (from --certfile on the command line)");
  EXPECT_NE(refused({from_file("ssl_context", function())})[0].find("setting 'ssl_context' is not"),
            std::string::npos);
}

TEST(MakeSettings, PythonsLoggingTakesOverWhenItIsAskedFor) {
  const auto asks = [](std::vector<Given> given) {
    return load(std::move(given)).settings.logs_by_python;
  };
  EXPECT_FALSE(asks({}));
  EXPECT_FALSE(asks({from_file("logger_class", text("gunicorn.glogging.Logger")),
                     from_file("logconfig_dict", Pairs{}), from_file("syslog", false)}));
  EXPECT_TRUE(asks({from_file("logconfig_dict",
                              Opaque{.text = "{'version': 1}", .type = "dict", .culprit = "1"})}));
  EXPECT_TRUE(asks({from_file("logger_class", text("mine.Logger"))}));
  EXPECT_TRUE(asks({from_file("logger_class",
                              Opaque{.text = "<class 'mine'>", .type = "type", .culprit = ""})}));
  EXPECT_TRUE(asks({from_command("syslog", true)}));
  const Settings settings = load({from_command("statsd_host", text("stats:1"))}).settings;
  EXPECT_TRUE(settings.logs_by_python);
  EXPECT_EQ(settings.statsd_host, "stats");
  EXPECT_EQ(settings.statsd_port, 1U);
}

TEST(MakeSettings, LoggingThatCannotBeConfiguredIsRefused) {
  EXPECT_EQ(refused({from_command("logconfig", text("no.ini"))})[0].find(
                "log config 'no.ini' not found (setting 'logconfig'"),
            0U);
  EXPECT_EQ(refused({from_command("statsd_host", text("x:y"))})[0].find("Value must be one of ("),
            0U);
  EXPECT_EQ(
      refused({from_file("logconfig_dict", number(1))})[0].find("Value is not a dictionary: 1"),
      0U);
}

TEST(MakeSettings, WorkersAreWhoIsAskedForAndElseWhoStarts) {
  const Settings other = load({from_file("user", number(12)), from_file("group", text("13")),
                               from_file("initgroups", true)})
                             .settings;
  EXPECT_EQ(other.user, 12U);
  EXPECT_EQ(other.group, 13U);
  EXPECT_TRUE(other.initgroups);
  const Settings own = load({}).settings;
  EXPECT_EQ(own.user, ::geteuid());
  EXPECT_EQ(own.group, ::getegid());
  EXPECT_FALSE(own.initgroups);
}

TEST(MakeSettings, RootsGroupIsNotKeptInSilence) {
  if (::getegid() != 0) GTEST_SKIP() << "the group of this user is not root";
  const Given user = from_file("user", number(::geteuid() + 1));
  const Strings warnings = load({user}).settings.warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0], "workers of another 'user' have the group root: set 'group', too");
  EXPECT_TRUE(load({user, from_file("group", number(1))}).settings.warnings.empty());
}

TEST(MakeSettings, AHookIsAFunctionThatNobodyHasRefused) {
  EXPECT_TRUE(load({from_file("post_fork", function())}).settings.warnings.empty());
  Opaque refused_one;
  refused_one.refusal = "Value must have an arity of: 2";
  const std::string complaint = refused({from_file("post_fork", refused_one)})[0];
  EXPECT_NE(complaint.find("Value must have an arity of: 2 (setting 'post_fork'"),
            std::string::npos)
      << complaint;
  EXPECT_NE(refused({from_file("post_fork", number(5))})[0].find("Value is not callable: 5"),
            std::string::npos);
}

TEST(MakeSettings, APasteFileIsFoundAndItsVariablesAreTakenApart) {
  const Settings settings =
      load({from_command("paste", text("/dev/../etc/passwd#main")),
            from_command("raw_paste_global_conf", Strings{"a=b=c", "x\\=y=1\\=2", "empty="})})
          .settings;
  EXPECT_EQ(settings.paste, "/etc/passwd#main");
  EXPECT_EQ(settings.proc_name, "/etc/passwd");
  EXPECT_EQ(settings.paste_global_conf, (Pairs{{"a", "b=c"}, {"x=y", "1=2"}, {"empty", ""}}));
  EXPECT_EQ(refused({from_command("paste", text("/no/such.ini#x"))})[0].find(
                "'/no/such.ini' not found (setting 'paste', from --paste on the command line)"),
            0U);
  EXPECT_EQ(refused({from_file("raw_paste_global_conf", Strings{"x\\=y"})})[0].find(
                "'x\\\\=y' is not written KEY=VALUE"),
            0U);
}

TEST(MakeSettings, FilesToWatchAreWhereTheServerWasStarted) {
  EXPECT_EQ(refused({from_file("reload_extra_files", Strings{"no-such.txt"})})[0].find(
                "File no-such.txt does not exists."),
            0U);
  const Settings settings =
      load({from_file("reload_extra_files", Strings{"no/*.txt", "/dev/null"})}).settings;
  ASSERT_EQ(settings.reload_extra_files.size(), 2U);
  EXPECT_TRUE(settings.reload_extra_files[0].starts_with('/'));
  EXPECT_EQ(settings.reload_extra_files[1], "/dev/null");
}

TEST(MakeSettings, EveryUnsupportedSettingRefusesAValueOfItsKind) {
  for (const Setting& setting : all_settings()) {
    if (setting.availability != Availability::NotYet) continue;
    const auto* on = std::get_if<bool>(&setting.fallback);
    const Value other = on != nullptr ? Value(!*on) : Value(std::string("something-else"));
    const std::string complaint = refused({from_file(std::string(setting.name), other)})[0];
    EXPECT_NE(complaint.find("is not supported by winghorn yet"), std::string::npos) << complaint;
  }
}

TEST(MakeSettings, AnUnsupportedSettingMayBeGivenItsDefault) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, Value>>{{"certfile", Value()},
                                                  {"certfile", text("")},
                                                  {"preload_app", false},
                                                  {"max_requests", number(0)},
                                                  {"max_requests", text("0")},
                                                  {"proxy_protocol", false},
                                                  {"logconfig_dict", Pairs{}},
                                                  {"http_protocols", text("h1")},
                                                  {"http_protocols", text("")},
                                                  {"proxy_allow_ips", text("127.0.0.1,::1")},
                                                  {"suppress_ragged_eofs", true},
                                                  {"user", Value()}}) {
    EXPECT_TRUE(load({from_file(name, value)}).settings.warnings.empty()) << name;
  }
}

TEST(MakeSettings, WhatHasNoEffectIsSaid) {
  const Settings settings =
      load({from_file("tmp_upload_dir", text("/x")), from_file("tolerate_dangerous_framing", true),
            from_file("config", text("other.py"))})
          .settings;
  ASSERT_EQ(settings.warnings.size(), 3U);
  for (const std::string& warning : settings.warnings) {
    EXPECT_NE(warning.find("no effect"), std::string::npos) << warning;
    EXPECT_NE(warning.find("/srv/gunicorn.conf.py"), std::string::npos) << warning;
  }
}

TEST(MakeSettings, NamesOfAConfigFilesOwnAreLeftAloneUnlessTheyAreNearlySettings) {
  const Settings settings =
      load({from_file("worker", number(4)), from_file("post_frok", function()),
            from_file("cpu_count", number(8)), from_file("_workers", number(1)),
            from_file("WORKERS", number(1)), from_file("timeouts", function()),
            from_file("loglevels", Opaque{.text = "<module>", .type = "module", .culprit = {}})})
          .settings;
  EXPECT_EQ(
      settings.warnings,
      (Strings{"'worker' is not a setting; did you mean 'workers'? (from /srv/gunicorn.conf.py)",
               "'post_frok' is not a setting; did you mean 'post_fork'? (from "
               "/srv/gunicorn.conf.py)"}));
  EXPECT_EQ(settings.workers, 1);
}

TEST(MakeSettings, AnUnknownNameFromElsewhereIsAnError) {
  EXPECT_EQ(refused({from_command("worker", number(1))})[0],
            "there is no setting 'worker'; did you mean 'workers'? (from the command line)");
}

TEST(MakeSettings, ThreadsPromoteSync) {
  const Settings promoted = load({from_command("threads", number(4))}).settings;
  EXPECT_EQ(promoted.worker_class, WorkerClass::Gthread);
  EXPECT_EQ(promoted.worker_class_name, "gthread");
  EXPECT_EQ(promoted.threads, 4);
  EXPECT_EQ(load({from_file("threads", number(0))}).settings.threads, 1);
  EXPECT_EQ(load({from_command("worker_class", text("gthread"))}).settings.threads, 1);
  EXPECT_EQ(
      refused({from_command("worker_class", text("gthread")), from_command("threads", number(0))})
          .size(),
      1U);
}

TEST(MakeSettings, ZeroMeansWhatItSays) {
  const Settings settings =
      load({from_file("timeout", number(0)), from_file("keepalive", number(0)),
            from_file("limit_request_line", number(0)),
            from_file("limit_request_fields", number(0)),
            from_file("limit_request_field_size", number(0))})
          .settings;
  EXPECT_FALSE(settings.timeout.has_value());
  EXPECT_EQ(settings.keepalive, Seconds(0));
  EXPECT_EQ(settings.limit_request_line_bytes, 1024U * 1024U);
  EXPECT_EQ(settings.limit_request_fields, 32768U);
  EXPECT_EQ(settings.limit_request_field_bytes, 8190U);
  EXPECT_EQ(load({from_file("limit_request_line", number(9000))}).settings.limit_request_line_bytes,
            8190U);
}

TEST(MakeSettings, FoldersAreMadeAbsoluteAndMustExist) {
  const Settings settings =
      load({from_command("chdir", text("..")), from_command("pythonpath", text("tmp, /x"))})
          .settings;
  EXPECT_EQ(settings.chdir, "/");
  EXPECT_EQ(settings.pythonpath, (Strings{"/tmp", "/x"}));
  EXPECT_EQ(refused({from_command("chdir", text("/no/such"))})[0],
            "can't chdir to '/no/such' (setting 'chdir', from --chdir on the command line)");
  EXPECT_NE(refused({from_command("worker_tmp_dir", text("/no/such"))})[0].find(
                "/no/such doesn't exist."),
            std::string::npos);
}

TEST(MakeSettings, SendfileIsOnUnlessSomebodySaysNo) {
  EXPECT_TRUE(load({from_file("sendfile", true)}).settings.sendfile);
  EXPECT_FALSE(load({from_command("sendfile", false)}).settings.sendfile);
  EXPECT_FALSE(load({from_variable("sendfile", "no", "SENDFILE")}).settings.sendfile);
  EXPECT_TRUE(load({from_variable("sendfile", "1", "SENDFILE")}).settings.sendfile);
}

TEST(MakeSettings, ABrokenAccessLogFormatIsFoundAtTheStart) {
  const Complaints complaints = refused({from_file("access_log_format", text("%(h)s %(r"))});
  EXPECT_EQ(complaints[0].find("'%(r' at position 7: the name is not closed with ')' "
                               "(setting 'access_log_format', "),
            0U);
}

TEST(MakeSettings, OddLogLevelsAreInfoWithAWarning) {
  EXPECT_EQ(load({from_command("loglevel", text("WARNING"))}).settings.loglevel, "warning");
  const Settings odd = load({from_command("loglevel", text("verbose"))}).settings;
  EXPECT_EQ(odd.loglevel, "info");
  ASSERT_EQ(odd.warnings.size(), 1U);
  EXPECT_NE(odd.warnings[0].find("'verbose'"), std::string::npos);
}

TEST(MakeSettings, EnvironmentIsSplitAtTheFirstEqualsSign) {
  const Settings settings = load({from_command("raw_env", Strings{"A=1=2", "B="})}).settings;
  EXPECT_EQ(settings.environment, (Pairs{{"A", "1=2"}, {"B", ""}}));
  EXPECT_NE(refused({from_command("raw_env", Strings{"FOO"})})[0].find(
                "environment setting 'FOO' invalid"),
            std::string::npos);
}

TEST(PrintConfig, HasGunicornsLayout) {
  const std::string text =
      print_config(load({from_command("wsgi_app", Value(std::string("app:app")))}));
  EXPECT_NE(text.find("access_log_format                  = %(h)s"), std::string::npos);
  EXPECT_NE(text.find("child_exit                         = <ChildExit.child_exit()>\n"),
            std::string::npos);
  EXPECT_NE(text.find("bind                               = ['127.0.0.1:8000']\n"),
            std::string::npos);
  EXPECT_NE(text.find("control_socket_mode                = 384\n"), std::string::npos);
  EXPECT_NE(text.find("sendfile                           = None\n"), std::string::npos);
  EXPECT_NE(text.find("statsd_prefix                      = \n"), std::string::npos);
  EXPECT_NE(text.find("default_proc_name                  = app:app\n"), std::string::npos);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(text, '\n')), all_settings().size());
}

}  // namespace
}  // namespace winghorn::config
