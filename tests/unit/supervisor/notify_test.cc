// SPDX-License-Identifier: MIT
#include "supervisor/notify.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>

#include "core/base/fd.h"

namespace winghorn::supervisor {
namespace {

namespace fs = std::filesystem;

// What systemd would listen with.
class Listening {
 public:
  explicit Listening(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  }

  std::string next() const {
    std::array<char, 512> buffer{};
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return count < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(count));
  }

 private:
  Fd socket_;
};

TEST(Notify, SpeaksToAPathAndToAnAbstractName) {
  std::string folder = (fs::temp_directory_path() / "winghorn-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string abstract = "@winghorn-test-" + std::to_string(::getpid());
  for (const std::string& name : {folder + "/notify", abstract}) {
    const Listening systemd(name);
    const Notifier notifier(name);
    EXPECT_TRUE(notifier.ready("2 workers serve").ok());
    EXPECT_EQ(systemd.next(),
              "READY=1\nSTATUS=2 workers serve\nMAINPID=" + std::to_string(::getpid()));
    EXPECT_TRUE(notifier.reloading(Instant(std::chrono::microseconds(1234567))).ok());
    EXPECT_EQ(systemd.next(), "RELOADING=1\nMONOTONIC_USEC=1234567");
    EXPECT_TRUE(notifier.say("STOPPING=1").ok());
    EXPECT_EQ(systemd.next(), "STOPPING=1");
  }
  fs::remove_all(folder);
}

TEST(Notify, WithoutASocketNothingIsSaid) {
  EXPECT_FALSE(Notifier("").is_wanted());
  EXPECT_TRUE(Notifier("").say("READY=1").ok());
}

TEST(Notify, WhatIsNoAddressIsNamed) {
  for (const std::string& name : {std::string("relative"), "/" + std::string(200, 'x')}) {
    const Status sent = Notifier(name).say("READY=1");
    ASSERT_FALSE(sent.ok());
    EXPECT_NE(sent.error().text().find("NOTIFY_SOCKET=" + name), std::string::npos);
  }
  EXPECT_FALSE(Notifier("/nowhere/at/all").say("READY=1").ok());
}

TEST(Notify, TheWatchdogIsThisProcesses) {
  const std::string own = std::to_string(::getpid());
  const auto watchdog = [](const char* micros, const char* whose) {
    ::setenv("WATCHDOG_USEC", micros, 1);
    ::setenv("WATCHDOG_PID", whose, 1);
    const auto found = Notifier::from_environment().watchdog();
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
    return found;
  };
  EXPECT_EQ(watchdog("2000000", own.c_str()), std::optional<Nanos>(Seconds(2)));
  EXPECT_EQ(watchdog("2000000", ""), std::optional<Nanos>(Seconds(2)));
  EXPECT_EQ(watchdog("2000000", "1"), std::nullopt);
  EXPECT_EQ(watchdog("soon", own.c_str()), std::nullopt);
  EXPECT_EQ(watchdog("0", own.c_str()), std::nullopt);
}

}  // namespace
}  // namespace winghorn::supervisor
