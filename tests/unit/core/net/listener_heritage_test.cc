// SPDX-License-Identifier: MIT
#include "core/net/listener_heritage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace winghorn {
namespace {

namespace fs = std::filesystem;

ListenAddress tcp4(std::uint16_t port) {
  return {.kind = AddressKind::Tcp4, .host = "127.0.0.1", .port = port};
}

class Heritage : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (fs::temp_directory_path() / "heritage-XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    unix_.path = folder_ + "/a,b:c\n.sock";
    tcp_ = tcp4(0);
    for (const ListenAddress& address : {tcp_, unix_}) {
      Result<Listener> bound = Listener::bind(address, {});
      ASSERT_TRUE(bound) << bound.error().text();
      listeners_.push_back(std::move(bound).value());
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  // As after an exec: the descriptors are there, the objects are not.
  std::string leave() {
    std::string text = heritage_text(listeners_);
    for (Listener& listener : listeners_) (void)listener.take_socket().release();
    listeners_.clear();
    return text;
  }

  std::string folder_;
  ListenAddress tcp_;
  ListenAddress unix_{.kind = AddressKind::Unix};
  std::vector<Listener> listeners_;
};

TEST_F(Heritage, IsClaimedByAddress) {
  const std::string display = listeners_[0].display();
  Heirlooms heirlooms = Heirlooms::from(leave());
  EXPECT_FALSE(heirlooms.claim(tcp4(1), {})) << "nobody has left that";
  auto tcp = heirlooms.claim(tcp_, {});
  ASSERT_TRUE(tcp && *tcp);
  EXPECT_EQ(tcp->value().display(), display) << "the same port, though any was asked for";
  EXPECT_EQ(::fcntl(tcp->value().fd(), F_GETFD), FD_CLOEXEC);
  EXPECT_FALSE(heirlooms.claim(tcp_, {})) << "once";
  auto path = heirlooms.claim(unix_, {});
  ASSERT_TRUE(path && *path);
  EXPECT_TRUE(heirlooms.empty());
  path->value().remove_file();
  EXPECT_FALSE(fs::exists(unix_.path)) << "whoever has it last takes the file away";
}

TEST_F(Heritage, LeavesAnothersFileAlone) {
  Heirlooms heirlooms = Heirlooms::from(leave());
  fs::rename(unix_.path, folder_ + "/kept-so-that-its-inode-is");
  const Result<Listener> other = Listener::bind(unix_, {});
  auto path = heirlooms.claim(unix_, {});
  ASSERT_TRUE(path && *path && other);
  path->value().remove_file();
  EXPECT_TRUE(fs::exists(unix_.path));
}

TEST_F(Heritage, ClosesWhatNobodyClaims) {
  const int number = listeners_[0].fd();
  {
    const Heirlooms heirlooms = Heirlooms::from(leave());
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(Heritage, SurvivesAnExecOnceItIsKept) {
  ASSERT_TRUE(keep_for_exec(listeners_));
  for (const Listener& listener : listeners_) EXPECT_EQ(::fcntl(listener.fd(), F_GETFD), 0);
}

TEST(HeritageText, SaysNothingOfSocketsThatHaveANumber) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_TRUE(socket);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  std::vector<Listener> listeners;
  ListenAddress asked{.kind = AddressKind::Fd, .fd = socket.get()};
  listeners.push_back(Listener::adopt(Fd(::dup(socket.get())), asked, {}).value());
  EXPECT_EQ(heritage_text(listeners), "");
}

TEST(HeritageText, WhatIsNoneIsLeftAlone) {
  const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::string number = std::to_string(file.get());
  for (const std::string& text :
       {std::string(), std::string(","), std::string("nonsense"), number,
        number + ":tcp4:80:0:0:31", std::string("1:tcp4:80:0:0:31"),
        std::string("99999:tcp4:80:0:0:31"), number + ":ipx:80:0:0:31", number + ":tcp4:80:0:0:3",
        number + ":tcp4:80:0:0:zz", number + ":tcp4:99999:0:0:31"}) {
    EXPECT_TRUE(Heirlooms::from(text).empty()) << text;
  }
  EXPECT_GE(::fcntl(file.get(), F_GETFD), 0);
}

}  // namespace
}  // namespace winghorn
