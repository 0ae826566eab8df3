// SPDX-License-Identifier: MIT
#include "core/engine/access_recorder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/log/log.h"
#include "support/limits.h"

namespace winghorn {
namespace {

class AccessRecorderTest : public ::testing::Test {
 protected:
  AccessRecorderTest() {
    folder_ = std::filesystem::temp_directory_path() /
              ("winghorn-recorder-" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder_);
    EXPECT_TRUE(log::open({errors(), access()}, log::Level::Info).ok());
    info_.peer_address = "192.0.2.7";
    info_.peer_port = "4711";
    info_.local_address = "192.0.2.1";
    info_.local_port = "8000";
    exchange_.reset(1, info_);
    RequestHead& head = exchange_.head;
    head.method = "GET";
    head.target = "/a%20b?x=1";
    head.path = "/a%20b";
    head.query = "x=1";
    head.version = "HTTP/1.1";
    head.scheme = "https";
    head.fields = {{"User-Agent", "first"}, {"X-Real-Ip", "10.9.8.7"}, {"User-Agent", "last"}};
    exchange_.notes.reply_status = 201;
    exchange_.notes.reply_bytes = 17;
    exchange_.notes.ready = now();
  }
  ~AccessRecorderTest() override {
    (void)log::open({"-", ""}, log::Level::Info);
    std::filesystem::remove_all(folder_);
  }

  std::string errors() const { return (folder_ / "errors").string(); }
  std::string access() const { return (folder_ / "access").string(); }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::string line(const std::string& format) {
    std::optional<log::AccessFormat> compiled;
    if (!format.empty()) compiled = log::AccessFormat::compile(format).value();
    AccessRecorder recorder(compiled);
    recorder.answered(exchange_, exchange_.notes.ready + Millis(1500));
    return read(access());
  }

  std::filesystem::path folder_;
  ConnectionInfo info_;
  Limits limits_ = wide_limits();
  SpillPlace spill_;
  Exchange exchange_{limits_, spill_};
};

TEST_F(AccessRecorderTest, TellsWhoAskedWhatAndWhatCameOfIt) {
  EXPECT_EQ(line(R"(%(h)s "%(r)s" %(s)s %(B)s %(U)s %(q)s %(H)s %(M)s)"),
            "192.0.2.7 \"GET /a%20b?x=1 HTTP/1.1\" 201 17 /a b x=1 HTTP/1.1 1500\n");
}

TEST_F(AccessRecorderTest, TakesTheLastRequestFieldOfAName) {
  EXPECT_EQ(line("%({user-agent}i)s %(a)s %({X-REAL-IP}i)s %({absent}i)s"),
            "last last 10.9.8.7 -\n");
}

TEST_F(AccessRecorderTest, FindsReplyFields) {
  ReplyHead head;
  ASSERT_TRUE(head.set_status(201, "Created"));
  ASSERT_EQ(head.add("X-Trace", "abc"), FieldFault::None);
  ASSERT_EQ(head.add("Content-Type", "text/plain"), FieldFault::None);
  exchange_.notes.reply_head = std::move(head);
  EXPECT_EQ(line("%({x-trace}o)s %({content-type}o)s %({absent}o)s"), "abc text/plain -\n");
}

TEST_F(AccessRecorderTest, KnowsTheEnvironAsApplicationsDo) {
  EXPECT_EQ(
      line("%({REQUEST_METHOD}e)s %({RAW_URI}e)s %({QUERY_STRING}e)s %({SERVER_PROTOCOL}e)s "
           "%({wsgi.url_scheme}e)s %({REMOTE_ADDR}e)s %({REMOTE_PORT}e)s %({SERVER_NAME}e)s "
           "%({SERVER_PORT}e)s %({PATH_INFO}e)s %({HTTP_X_REAL_IP}e)s %({HTTP_USER_AGENT}e)s "
           "%({HTTP_X_REAL}e)s"),
      "GET /a%20b?x=1 x=1 HTTP/1.1 https 192.0.2.7 4711 192.0.2.1 8000 /a b 10.9.8.7 last -\n");
}

TEST_F(AccessRecorderTest, WithoutAFormatThereIsNoLine) { EXPECT_EQ(line(""), ""); }

TEST_F(AccessRecorderTest, ARefusalIsAWarningAndALineWhenItHadAMethod) {
  exchange_.notes.refusal = "Invalid HTTP header";
  AccessRecorder recorder(log::AccessFormat::compile("%(m)s %(s)s").value());
  recorder.refused(exchange_, now());
  EXPECT_EQ(read(access()), "GET 201\n");
  EXPECT_NE(read(errors()).find("[WARNING] Invalid request from ip=192.0.2.7: Invalid HTTP header"),
            std::string::npos)
      << read(errors());
  exchange_.head.clear();
  recorder.refused(exchange_, now());
  EXPECT_EQ(read(access()), "GET 201\n");
}

}  // namespace
}  // namespace winghorn
