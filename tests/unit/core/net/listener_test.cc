// SPDX-License-Identifier: MIT
#include "core/net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>

#include "core/log/log.h"
#include "core/net/bind_patiently.h"
#include "core/net/port_holder.h"

namespace winghorn {
namespace {

namespace fs = std::filesystem;

ListenAddress tcp4(std::uint16_t port, std::string host = "127.0.0.1") {
  return {.kind = AddressKind::Tcp4, .host = std::move(host), .port = port};
}
ListenAddress tcp6(std::uint16_t port, std::string host = "::1") {
  return {.kind = AddressKind::Tcp6, .host = std::move(host), .port = port};
}
ListenAddress unix_at(std::string path) {
  return {.kind = AddressKind::Unix, .path = std::move(path)};
}
ListenAddress descriptor(int fd) { return {.kind = AddressKind::Fd, .fd = fd}; }

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  ::getsockopt(socket, level, name, &value, &length);
  return value;
}

Fd connected_unix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  const std::size_t end = path.starts_with('\0') ? 0 : 1;
  Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + end);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&name), length) != 0) return {};
  return socket;
}

class Listening : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "listener-XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    path_ = folder_ + "/app.sock";
  }
  void TearDown() override { fs::remove_all(folder_); }

  // What was logged meanwhile.
  std::string logged(const std::function<void()>& act) {
    const std::string file = folder_ + "/log";
    EXPECT_TRUE(log::open({file, {}}, log::Level::Debug).ok());
    act();
    EXPECT_TRUE(log::open({"-", {}}, log::Level::Info).ok());
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  std::string folder_;
  std::string path_;
};

TEST_F(Listening, OnTcp) {
  const Result<Listener> bound = Listener::bind(tcp4(0), {.backlog = 7});
  ASSERT_TRUE(bound) << bound.error().text();
  const Listener& listener = bound.value();
  EXPECT_NE(listener.bound().port, 0);
  EXPECT_EQ(listener.asked().port, 0);
  EXPECT_EQ(listener.display(), "http://127.0.0.1:" + std::to_string(listener.bound().port));
  EXPECT_EQ(option(listener.fd(), SOL_SOCKET, SO_REUSEADDR), 1);
  EXPECT_EQ(option(listener.fd(), SOL_SOCKET, SO_REUSEPORT), 0);
  EXPECT_EQ(option(listener.fd(), SOL_SOCKET, SO_ACCEPTCONN), 1);
  EXPECT_EQ(option(listener.fd(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_TRUE(::fcntl(listener.fd(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(listener.fd(), F_GETFD) & FD_CLOEXEC);
  EXPECT_FALSE(listener.is_unix());
}

TEST_F(Listening, OnIpv6) {
  const Result<Listener> bound = Listener::bind(tcp6(0), {});
  if (!bound && bound.error().code == EADDRNOTAVAIL) GTEST_SKIP() << "no IPv6 here";
  ASSERT_TRUE(bound) << bound.error().text();
  EXPECT_EQ(bound.value().display(), "http://[::1]:" + std::to_string(bound.value().bound().port));
}

TEST_F(Listening, ANameIsAnIpv4Address) {
  const Result<Listener> bound = Listener::bind(tcp4(0, "localhost"), {});
  ASSERT_TRUE(bound) << bound.error().text();
  EXPECT_EQ(bound.value().bound().host, "127.0.0.1");
  EXPECT_EQ(bound.value().asked().host, "localhost");
}

TEST_F(Listening, AnUnknownNameIsAFailure) {
  const std::string name(70, 'x');  // no label is that long: no name server is asked
  const Result<Listener> bound = Listener::bind(tcp4(0, name), {});
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().text().find(name), std::string::npos);
}

TEST_F(Listening, ATakenPortIsAFailure) {
  const Result<Listener> first = Listener::bind(tcp4(0), {});
  const Result<Listener> second = Listener::bind(tcp4(first.value().bound().port), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST_F(Listening, OnAUnixSocketWithTheModeThatUmaskLeaves) {
  const mode_t own = ::umask(022);
  for (const mode_t mask : {0U, 0117U}) {
    Result<Listener> bound = Listener::bind(unix_at(path_), {.umask = mask});
    ASSERT_TRUE(bound) << bound.error().text();
    EXPECT_EQ(bound.value().display(), "unix:" + path_);
    EXPECT_TRUE(bound.value().is_unix());
    struct stat made{};
    ASSERT_EQ(::stat(path_.c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777U, 0777U & ~mask);
    EXPECT_TRUE(connected_unix(path_));
    bound.value().remove_file();
    EXPECT_FALSE(fs::exists(path_));
  }
  EXPECT_EQ(::umask(own), 022U) << "the process's own umask was not restored";
}

TEST_F(Listening, OnAUnixSocketThatBelongsToAnother) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it gives the socket away";
  Result<Listener> bound =
      Listener::bind(unix_at(path_), {.umask = 0117, .owner = FileOwner{54321, 54322}});
  ASSERT_TRUE(bound) << bound.error().text();
  struct stat made{};
  ASSERT_EQ(::stat(path_.c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, 54321U);
  EXPECT_EQ(made.st_gid, 54322U);
  EXPECT_EQ(made.st_mode & 0777U, 0660U);
  bound.value().remove_file();
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Listening, ReplacesAStaleSocketFile) {
  {
    const Result<Listener> dead = Listener::bind(unix_at(path_), {});
  }
  ASSERT_TRUE(fs::is_socket(path_));
  const Result<Listener> bound = Listener::bind(unix_at(path_), {});
  ASSERT_TRUE(bound) << bound.error().text();
  EXPECT_TRUE(connected_unix(path_));
}

TEST_F(Listening, RefusesALiveSocketFile) {
  const Result<Listener> live = Listener::bind(unix_at(path_), {.backlog = 1});
  for (int i = 0; i < 3; ++i) {
    // A full backlog is alive too.
    const Result<Listener> second = Listener::bind(unix_at(path_), {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EADDRINUSE);
  }
  EXPECT_TRUE(fs::is_socket(path_));
}

TEST_F(Listening, LeavesAFileThatIsNoSocketAlone) {
  std::ofstream(path_) << "precious";
  const Result<Listener> bound = Listener::bind(unix_at(path_), {});
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().text(), "'" + path_ + "' is not a socket");
  EXPECT_EQ(fs::file_size(path_), 8U);
}

TEST_F(Listening, RemovesOnlyItsOwnFile) {
  Result<Listener> first = Listener::bind(unix_at(path_), {});
  fs::remove(path_);
  const Result<Listener> successor = Listener::bind(unix_at(path_), {});
  ASSERT_TRUE(successor);
  first.value().remove_file();
  EXPECT_TRUE(fs::is_socket(path_));
}

TEST_F(Listening, APathThatIsTooLongIsAFailure) {
  const Result<Listener> bound = Listener::bind(unix_at(folder_ + "/" + std::string(200, 'x')), {});
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code, ENAMETOOLONG);
}

TEST_F(Listening, OnAnAbstractName) {
  const std::string name = std::string(1, '\0') + folder_;
  Result<Listener> bound = Listener::bind(unix_at(name), {});
  ASSERT_TRUE(bound) << bound.error().text();
  EXPECT_EQ(bound.value().display(), "unix:@" + folder_);
  EXPECT_TRUE(connected_unix(name));
  bound.value().remove_file();
  EXPECT_FALSE(Listener::bind(unix_at(name), {}));
}

TEST_F(Listening, OnAnInheritedDescriptor) {
  Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  const int number = socket.release();
  const Result<Listener> bound = Listener::bind(descriptor(number), {});
  ASSERT_TRUE(bound) << bound.error().text();
  EXPECT_EQ(bound.value().fd(), number);
  EXPECT_EQ(option(number, SOL_SOCKET, SO_ACCEPTCONN), 1);
  EXPECT_TRUE(::fcntl(number, F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(number, F_GETFD) & FD_CLOEXEC);
  EXPECT_TRUE(bound.value().display().starts_with("http://127.0.0.1:"));
}

TEST_F(Listening, ADescriptorThatIsNoStreamSocketIsLeftOpen) {
  EXPECT_EQ(Listener::bind(descriptor(987), {}).error().code, EBADF);
  const Fd file(::open("/dev/null", O_RDONLY));
  EXPECT_FALSE(Listener::bind(descriptor(file.get()), {}));
  EXPECT_GE(::fcntl(file.get(), F_GETFD), 0);
  const Fd datagrams(::socket(AF_INET, SOCK_DGRAM, 0));
  EXPECT_EQ(Listener::bind(descriptor(datagrams.get()), {}).error().text(),
            "fd://" + std::to_string(datagrams.get()) + " is not a stream socket");
}

TEST_F(Listening, SystemdsDescriptorsAreForTheNamedProcessOnly) {
  ::setenv("LISTEN_FDS", "2", 1);
  ::setenv("LISTEN_PID", "1", 1);
  EXPECT_TRUE(take_systemd_descriptors().empty());
  EXPECT_STREQ(std::getenv("LISTEN_FDS"), "2");
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(take_systemd_descriptors(), (std::vector<int>{3, 4}));
  EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
  EXPECT_EQ(std::getenv("LISTEN_PID"), nullptr);
  EXPECT_TRUE(take_systemd_descriptors().empty());
}

TEST_F(Listening, AFreePortIsTakenWithoutAWord) {
  const std::string log =
      logged([] { EXPECT_TRUE(bind_patiently(tcp4(0), {}, [](Millis) { return true; }).ok()); });
  EXPECT_EQ(log, "");
}

TEST_F(Listening, ATakenPortIsTriedFiveTimesAndExplained) {
  const Result<Listener> holder = Listener::bind(tcp4(0), {});
  const std::string port = std::to_string(holder.value().bound().port);
  int pauses = 0;
  const std::string log = logged([&] {
    const auto pause = [&](Millis patience) {
      EXPECT_EQ(patience, Millis(1000));
      ++pauses;
      return true;
    };
    EXPECT_FALSE(bind_patiently(tcp4(holder.value().bound().port), {}, pause));
  });
  EXPECT_EQ(pauses, 5);
  const std::string address = "('127.0.0.1', " + port + ")";
  const std::string lines[] = {
      "[ERROR] Connection in use: " + address + "\n",
      "[ERROR] connection to " + address + " failed: [Errno 98] Address already in use\n",
      "[ERROR] Port " + port + " is held by pid " + std::to_string(::getpid()) + " (",
      "[DEBUG] Retrying in 1 second.\n",
      "[ERROR] Connection in use: " + address + "\n",
      "[ERROR] Can't connect to " + address + "\n"};
  std::size_t from = 0;
  for (const std::string& line : lines) {
    from = log.find(line, from);
    ASSERT_NE(from, std::string::npos) << line << log;
    from += line.size();
  }
}

TEST_F(Listening, AnAddressOfAnotherMachineIsNamed) {
  const std::string log = logged(
      [&] { EXPECT_FALSE(bind_patiently(tcp4(0, "192.0.2.1"), {}, [](Millis) { return true; })); });
  EXPECT_NE(log.find("Invalid address: ('192.0.2.1', 0)"), std::string::npos) << log;
  EXPECT_NE(log.find("[Errno 99] Cannot assign requested address"), std::string::npos) << log;
}

TEST_F(Listening, APortThatBecomesFreeIsTaken) {
  std::optional<Result<Listener>> holder = Listener::bind(tcp4(0), {});
  const ListenAddress address = tcp4(holder->value().bound().port);
  logged([&] {
    const auto pause = [&](Millis) {
      holder.reset();
      return true;
    };
    EXPECT_TRUE(bind_patiently(address, {}, pause).ok());
  });
}

TEST_F(Listening, WaitingCanBeGivenUp) {
  const Result<Listener> holder = Listener::bind(tcp4(0), {});
  logged([&] {
    const Result<Listener> bound =
        bind_patiently(tcp4(holder.value().bound().port), {}, [](Millis) { return false; });
    EXPECT_EQ(bound.error().code, EINTR);
  });
}

TEST_F(Listening, WhatTimeDoesNotHealIsOneLine) {
  const auto never = [](Millis) {
    ADD_FAILURE() << "it waited";
    return false;
  };
  std::ofstream(path_) << "precious";
  std::string log = logged([&] { EXPECT_FALSE(bind_patiently(unix_at(path_), {}, never)); });
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  EXPECT_NE(log.find("'" + path_ + "' is not a socket"), std::string::npos) << log;
}

// In a process of another user, with the right to low ports gone.
TEST_F(Listening, ALowPortWithoutTheRightIsOneLine) {
  std::ifstream first_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  int first = 1024;
  first_file >> first;
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become nobody";
  if (first <= 81) GTEST_SKIP() << "every user may take low ports here";
  fs::permissions(folder_, fs::perms::all);
  const std::string file = folder_ + "/nobodys-log";
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0 || !log::open({file, {}}, log::Level::Debug)) ::_exit(2);
    ::_exit(bind_patiently(tcp4(81), {}, [](Millis) { return false; }).ok() ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  const std::string log = text.str();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
  EXPECT_NE(log.find("Can't connect to ('127.0.0.1', 81): Permission denied (a port below 1024 "
                     "needs root or CAP_NET_BIND_SERVICE)"),
            std::string::npos)
      << log;
}

TEST_F(Listening, NobodyHoldsAFreePort) {
  std::uint16_t port = 0;
  {
    const Result<Listener> listener = Listener::bind(tcp4(0), {});
    port = listener.value().bound().port;
    EXPECT_EQ(find_port_holder(port).pid, ::getpid());
  }
  EXPECT_EQ(find_port_holder(port).pid, 0);
}

}  // namespace
}  // namespace winghorn
