// SPDX-License-Identifier: MIT
#include "core/config/validate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "core/config/settings_table.h"

namespace winghorn::config {
namespace {

const Setting& row(std::string_view name) { return *find_setting(name); }

Value good(std::string_view name, const Value& value, Origin origin = Origin::ConfigFile) {
  const auto checked = check_value(row(name), value, origin);
  const auto* complaint = std::get_if<Complaint>(&checked);
  EXPECT_EQ(complaint, nullptr) << name << ": " << complaint->text;
  return complaint == nullptr ? std::get<Value>(checked) : Value();
}

std::string bad(std::string_view name, const Value& value, Origin origin = Origin::ConfigFile) {
  const auto checked = check_value(row(name), value, origin);
  const auto* complaint = std::get_if<Complaint>(&checked);
  EXPECT_NE(complaint, nullptr) << name << " took " << str(value);
  return complaint == nullptr ? "" : complaint->text;
}

Value number(std::int64_t n) { return n; }
Value text(const char* s) { return std::string(s); }

TEST(Validate, WholeNumbersAsPythonReadsThem) {
  EXPECT_EQ(good("backlog", number(5)), number(5));
  EXPECT_EQ(good("backlog", true), number(1));
  EXPECT_EQ(good("backlog", text("5")), number(5));
  EXPECT_EQ(good("backlog", text(" 0xFF ")), number(255));
  EXPECT_EQ(good("backlog", text("0o17")), number(15));
  EXPECT_EQ(good("backlog", text("0b11")), number(3));
  EXPECT_EQ(good("backlog", text("1_000")), number(1000));
  EXPECT_EQ(good("backlog", text("00")), number(0));
  EXPECT_EQ(bad("backlog", text("010")), "invalid literal for int() with base 0: '010'");
  EXPECT_EQ(bad("backlog", text("abc")), "invalid literal for int() with base 0: 'abc'");
  EXPECT_EQ(bad("backlog", text("")), "invalid literal for int() with base 0: ''");
  EXPECT_EQ(bad("backlog", text("1__0")), "invalid literal for int() with base 0: '1__0'");
  EXPECT_EQ(bad("backlog", number(-1)), "Value must be positive: -1");
  EXPECT_EQ(bad("backlog", text("-5")), "Value must be positive: -5");
  EXPECT_EQ(bad("backlog", std::monostate{}), "Not a whole number: None");
  EXPECT_EQ(bad("timeout", Opaque{.text = "0.5", .type = "float", .culprit = {}}),
            "Not a whole number: 0.5");
}

TEST(Validate, SecondsMayHaveFractions) {
  EXPECT_EQ(good("request_timeout", 2.5), Value(2.5));
  EXPECT_EQ(good("request_timeout", text(" 0.25 ")), Value(0.25));
  EXPECT_EQ(good("request_timeout", number(3)), number(3));
  EXPECT_EQ(good("request_timeout", 3.0), number(3));
  EXPECT_EQ(good("request_timeout", 315360000.0), number(315360000));
  EXPECT_EQ(bad("request_timeout", std::monostate{}), "Not a number: None");
  EXPECT_EQ(bad("request_timeout", -0.5), "Value must be positive: -0.5");
  EXPECT_EQ(bad("request_timeout", number(-1)), "Value must be positive: -1");
  EXPECT_EQ(bad("request_timeout", text("soon")), "Not a number: 'soon'");
  EXPECT_EQ(bad("request_timeout", text("1e999")), "Not a number: '1e999'");
  EXPECT_EQ(bad("request_timeout", text("nan")), "Not a number: 'nan'");
  EXPECT_EQ(bad("request_timeout", 1e300), "Value must be at most 315360000: 1e+300");
  EXPECT_EQ(bad("timeout", 2.0), "Not a whole number: 2.0");
}

TEST(Validate, SecondsForPathsThatBeginAlike) {
  const Value given = Pairs{{"/reports/", "120"}, {"/", "0.5"}};
  EXPECT_EQ(good("request_timeouts", given), given);
  EXPECT_EQ(bad("request_timeouts", Pairs{{"reports", "1"}}),
            "A path prefix begins with '/': 'reports'");
  EXPECT_EQ(bad("request_timeouts", Pairs{{"/r", "-1"}}), "Value must be positive: -1 (for '/r')");
  EXPECT_EQ(bad("request_timeouts", text("/=1")), "Value is not a dictionary: /=1");
  EXPECT_EQ(
      bad("request_timeouts", Opaque{.text = "{'/a': None}", .type = "dict", .culprit = "None"}),
      "Neither a path nor a number of seconds: None");
}

TEST(Validate, NumbersWithinTheirBounds) {
  EXPECT_EQ(good("workers", number(0)), number(0));
  EXPECT_EQ(good("workers", number(512)), number(512));
  EXPECT_EQ(bad("workers", number(513)), "Value must be at most 512: 513");
  EXPECT_EQ(bad("worker_connections", number(0)), "Value must be at least 1: 0");
}

TEST(Validate, OldOctalOnlyOnTheCommandLine) {
  EXPECT_EQ(good("umask", text("0022"), Origin::CommandLine), number(022));
  EXPECT_EQ(good("umask", text("0o22"), Origin::CommandLine), number(022));
  EXPECT_EQ(good("umask", text("0x12"), Origin::ArgumentsVariable), number(022));
  bad("umask", text("0022"), Origin::ConfigFile);
  bad("umask", text("0089"), Origin::CommandLine);
}

TEST(Validate, Flags) {
  EXPECT_EQ(good("casefold_http_method", true), Value(true));
  EXPECT_EQ(good("casefold_http_method", text(" TRUE ")), Value(true));
  EXPECT_EQ(good("casefold_http_method", text("false")), Value(false));
  EXPECT_EQ(good("casefold_http_method", std::monostate{}), Value());
  EXPECT_EQ(bad("casefold_http_method", text("yes")), "Invalid boolean: yes");
  EXPECT_EQ(bad("casefold_http_method", number(1)), "Invalid type for casting: 1");
  EXPECT_EQ(good("sendfile", text("Yes"), Origin::Environment), Value(true));
  EXPECT_EQ(good("sendfile", text("0"), Origin::Environment), Value(false));
}

TEST(Validate, Strings) {
  EXPECT_EQ(good("errorlog", text("  /var/log/x ")), text("/var/log/x"));
  EXPECT_EQ(good("accesslog", std::monostate{}), Value());
  EXPECT_EQ(bad("errorlog", number(5)), "Not a string: 5");
}

TEST(Validate, Lists) {
  EXPECT_EQ(good("bind", text("a:1")), Value(Strings{"a:1"}));
  EXPECT_EQ(good("bind", Strings{" a:1 ", "b:2"}), Value(Strings{"a:1", "b:2"}));
  EXPECT_EQ(good("raw_env", std::monostate{}), Value(Strings{}));
  EXPECT_EQ(bad("bind", Opaque{.text = "[1]", .type = "list", .culprit = "1"}), "Not a string: 1");
  EXPECT_EQ(good("forwarder_headers", text(" A , ,B,")), Value(Strings{"A", "B"}));
  EXPECT_EQ(good("forwarder_headers", text("")), Value(Strings{}));
}

TEST(Validate, Networks) {
  EXPECT_EQ(good("forwarded_allow_ips", text("*")), Value(Strings{"*"}));
  EXPECT_EQ(good("forwarded_allow_ips", text("10.0.0.0/8, ::1")),
            Value(Strings{"10.0.0.0/8", "::1"}));
  EXPECT_EQ(bad("forwarded_allow_ips", text("10.0.0.1/8")), "10.0.0.1/8 has host bits set");
  EXPECT_EQ(bad("forwarded_allow_ips", text("x")),
            "'x' does not appear to be an IPv4 or IPv6 network");
}

TEST(Validate, Choices) {
  EXPECT_EQ(good("header_map", text(" Refuse ")), text("refuse"));
  EXPECT_EQ(bad("header_map", text("keep")), "Invalid header map behaviour: keep");
  EXPECT_EQ(bad("header_map", number(1)), "Invalid type for casting: 1");
}

TEST(Validate, Tables) {
  EXPECT_EQ(good("secure_scheme_headers", Pairs{{"X", "y"}}), Value(Pairs{{"X", "y"}}));
  EXPECT_EQ(bad("secure_scheme_headers", text("x")), "Value is not a dictionary: x");
  EXPECT_EQ(
      bad("secure_scheme_headers", Opaque{.text = "{'X': 1}", .type = "dict", .culprit = "1"}),
      "Not a string: 1");
}

TEST(Validate, WorkerClassesThatAreBuilt) {
  for (const char* name :
       {"sync", "gthread", "gunicorn.workers.sync.SyncWorker", "egg:gunicorn#gthread", "#sync"}) {
    good("worker_class", text(name));
  }
  EXPECT_EQ(worker_class_of("egg:gunicorn#gthread"), WorkerClass::Gthread);
  EXPECT_EQ(worker_class_of("gunicorn.workers.gthread.ThreadWorker"), WorkerClass::Gthread);
}

TEST(Validate, WorkerClassesThatAreNotAreRefusedByName) {
  for (const char* name : {"gevent", "tornado", "asgi", "gunicorn.workers.ggevent.GeventWorker"}) {
    EXPECT_EQ(bad("worker_class", text(name)),
              "worker class '" + std::string(name) + "' is not supported yet by winghorn");
  }
  const std::string uvicorn = bad("worker_class", text("uvicorn.workers.UvicornWorker"));
  EXPECT_NE(uvicorn.find("'uvicorn.workers.UvicornWorker'"), std::string::npos);
  EXPECT_NE(uvicorn.find("-k asgi"), std::string::npos);
  EXPECT_NE(uvicorn.find("not supported yet"), std::string::npos);
  EXPECT_EQ(bad("worker_class", text("gthraed")), "there is no worker class 'gthraed'");
  EXPECT_NE(bad("worker_class", text("mypkg.Worker")).find("custom worker classes"),
            std::string::npos);
  bad("worker_class", Opaque{.text = "<class 'x.W'>", .type = "type", .culprit = {}});
  EXPECT_EQ(bad("worker_class", Opaque{.text = "", .type = "", .culprit = {}, .refusal = "no"}),
            "no");
}

TEST(Validate, UsersByNameAndNumber) {
  EXPECT_EQ(good("user", text("root")), number(0));
  EXPECT_EQ(good("user", text("12")), number(12));
  EXPECT_EQ(good("user", std::monostate{}), number(geteuid()));
  EXPECT_EQ(bad("user", text("no-such-user")), "No such user: 'no-such-user'");
  EXPECT_EQ(bad("user", text("-1")), "No such user: '-1'");
  EXPECT_EQ(bad("user", number(4294967295)), "No such user: '4294967295'")
      << "not a user to the kernel";
  EXPECT_EQ(good("group", text("root")), number(0));
  EXPECT_EQ(bad("group", text("no-such-group")), "No such group: 'no-such-group'");
  EXPECT_EQ(bad("group", number(-1)), "No such group: '-1'");
}

TEST(Validate, SwitchesTakeFalseForTheirFirstChoice) {
  for (const Value& off : {Value(false), Value(), text("none"), text("OFF"), text("0")}) {
    EXPECT_EQ(good("proxy_protocol", off), text("off")) << str(off);
  }
  EXPECT_EQ(good("proxy_protocol", text("v2")), text("v2"));
  for (const Value& on : {Value(true), text("True"), text("1"), text(" auto ")}) {
    EXPECT_EQ(good("proxy_protocol", on), text("auto")) << str(on);
  }
}

TEST(ValueText, IsPythons) {
  EXPECT_EQ(str(Value()), "None");
  EXPECT_EQ(str(Value(true)), "True");
  EXPECT_EQ(str(Value(Strings{"a", "it's"})), R"(['a', "it's"])");
  EXPECT_EQ(str(Value(Pairs{{"K", "v"}})), "{'K': 'v'}");
  EXPECT_EQ(quote("a\n\x01\\"), R"('a\n\x01\\')");
  EXPECT_EQ(quote(R"(both ' and ")"), R"('both \' and "')");
}

}  // namespace
}  // namespace winghorn::config
