// SPDX-License-Identifier: MIT
#include "supervisor/identity.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/in_child.h"

namespace winghorn::supervisor {
namespace {

constexpr uid_t kUser = 54321;
constexpr gid_t kGroup = 54322;

bool is_root() { return ::geteuid() == 0; }

std::vector<gid_t> own_groups() {
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  ::getgroups(static_cast<int>(groups.size()), groups.data());
  std::ranges::sort(groups);
  return groups;
}

bool is_for_good(uid_t user, gid_t group) {
  std::array<uid_t, 3> users{};
  std::array<gid_t, 3> groups{};
  ::getresuid(users.data(), &users[1], &users[2]);
  ::getresgid(groups.data(), &groups[1], &groups[2]);
  return std::ranges::count(users, user) == 3 && std::ranges::count(groups, group) == 3 &&
         ::setuid(0) != 0;
}

#define NEEDS_ROOT() \
  if (!is_root()) GTEST_SKIP() << "needs root: it becomes another user"

TEST(Identity, IsTakenForGoodAndLeavesNoGroupBehind) {
  NEEDS_ROOT();
  EXPECT_TRUE(holds_in_child([] {
    const std::array<gid_t, 2> before{0, 12345};
    if (::setgroups(before.size(), before.data()) != 0) return false;
    return assume_identity({kUser, kGroup}).ok() && is_for_good(kUser, kGroup) &&
           own_groups() == std::vector<gid_t>{kGroup};
  }));
}

// Somebody who is not root and may change users and groups all the same, as systemd's AmbientCapabilities make one.
bool become_somebody_with_capabilities() {
  constexpr unsigned kBoth = 1U << CAP_SETUID | 1U << CAP_SETGID;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> both{};
  both[0] = {.effective = kBoth, .permitted = kBoth, .inheritable = kBoth};
  return ::prctl(PR_SET_KEEPCAPS, 1) == 0 && ::setresuid(kUser + 1, kUser + 1, kUser + 1) == 0 &&
         ::syscall(SYS_capset, &header, both.data()) == 0 &&
         ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0) == 0 &&
         ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETGID, 0, 0) == 0;
}

TEST(Identity, IsTakenForGoodFromWhoIsNotRootToo) {
  NEEDS_ROOT();
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer's own thread keeps the capabilities, so glibc cannot change all "
                  "threads alike";
#endif
  if (!holds_in_child(become_somebody_with_capabilities)) GTEST_SKIP() << "needs capabilities";
  EXPECT_TRUE(holds_in_child([] {
    return become_somebody_with_capabilities() && check_identity({kUser, kGroup}).ok() &&
           assume_identity({kUser, kGroup}).ok() && is_for_good(kUser, kGroup) &&
           ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SETUID, 0, 0) == 0;
  }));
}

TEST(Identity, GroupAloneCanChange) {
  NEEDS_ROOT();
  EXPECT_TRUE(holds_in_child([] {
    return assume_identity({::geteuid(), kGroup}).ok() && ::getegid() == kGroup &&
           ::geteuid() == 0 && own_groups() == std::vector<gid_t>{kGroup};
  }));
}

// The first member of any group that the system knows.
std::string somebody_in_a_group() {
  std::string found;
  ::setgrent();
  while (const group* entry = ::getgrent()) {
    if (*entry->gr_mem == nullptr) continue;
    const passwd* const user = ::getpwnam(*entry->gr_mem);
    if (user != nullptr && user->pw_uid != 0) found = user->pw_name;
  }
  ::endgrent();
  return found.empty() ? "nobody" : found;
}

TEST(Identity, AllGroupsAreThoseOfTheUser) {
  NEEDS_ROOT();
  const std::string name = somebody_in_a_group();
  const passwd* const user = ::getpwnam(name.c_str());
  if (user == nullptr) GTEST_SKIP() << "there is no user " << name;
  std::vector<gid_t> groups(256);
  auto count = static_cast<int>(groups.size());
  ASSERT_GT(::getgrouplist(name.c_str(), kGroup, groups.data(), &count), 0);
  groups.resize(static_cast<std::size_t>(count));
  std::ranges::sort(groups);
  EXPECT_TRUE(holds_in_child([&] {
    return assume_identity({user->pw_uid, kGroup, true}).ok() &&
           is_for_good(user->pw_uid, kGroup) && own_groups() == groups;
  }));
}

TEST(Identity, UserWithoutAnEntryHasTheOneGroup) {
  NEEDS_ROOT();
  EXPECT_TRUE(holds_in_child([] {
    return assume_identity({kUser, kGroup, true}).ok() &&
           own_groups() == std::vector<gid_t>{kGroup};
  }));
}

TEST(Identity, OwnOneChangesNothing) {
  const std::vector<gid_t> before = own_groups();
  EXPECT_TRUE(check_identity({}).ok());
  EXPECT_TRUE(holds_in_child([&] { return assume_identity({}).ok() && own_groups() == before; }));
}

TEST(Identity, WithoutTheRightTheReasonIsSaid) {
  const auto refused = [] {
    if (is_root() && !assume_identity({kUser, kGroup})) return false;
    const Status user = check_identity({0, ::getegid()});
    const Status group = check_identity({::geteuid(), 0});
    return !user &&
           user.error().text().find("the user root (0): that needs root") != std::string::npos &&
           !group && group.error().text().find("CAP_SETGID") != std::string::npos &&
           !assume_identity({0, 0});
  };
  if (!is_root() && ::getegid() == 0) GTEST_SKIP() << "the group of this user is root's";
  EXPECT_TRUE(holds_in_child(refused));
}

class GivenFile : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_root()) GTEST_SKIP() << "needs root: it gives files away";
    std::string folder = testing::TempDir() + "winghorn_identity_XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder_ + "/app.log";
    std::ofstream(path_) << "line\n";
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  bool is_given() const {
    struct stat about{};
    return ::stat(path_.c_str(), &about) == 0 && about.st_uid == kUser && about.st_gid == kGroup;
  }

  std::string folder_;
  std::string path_;
  const Identity to_{kUser, kGroup};
};

TEST_F(GivenFile, BelongsToTheWorkers) {
  EXPECT_TRUE(give_file(path_, to_).ok());
  EXPECT_TRUE(is_given());
  EXPECT_TRUE(give_file(folder_ + "/none", to_).ok());
}

TEST_F(GivenFile, IsNotReachedByALink) {
  const std::string other = folder_ + "/other.log";
  ASSERT_EQ(::symlink(path_.c_str(), other.c_str()), 0);
  EXPECT_TRUE(give_file(other, to_).ok());
  EXPECT_FALSE(is_given());
  const std::string hard = folder_ + "/hard.log";
  ASSERT_EQ(::link(path_.c_str(), hard.c_str()), 0);
  EXPECT_TRUE(give_file(hard, to_).ok());
  EXPECT_FALSE(is_given());
}

}  // namespace
}  // namespace winghorn::supervisor
