// SPDX-License-Identifier: MIT
#include "supervisor/identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include "core/base/fd.h"

namespace winghorn::supervisor {
namespace {

constexpr int kFewestGroups = 64;

bool has_capability(unsigned number) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return ::geteuid() == 0;
  return (data[number / 32].effective & (1U << (number % 32))) != 0;
}

std::string named(std::string_view name, unsigned number) {
  return name.empty() ? std::to_string(number) : fmt::format("{} ({})", name, number);
}

std::string user_text(uid_t user) {
  const passwd* const entry = ::getpwuid(user);
  return named(entry == nullptr ? "" : entry->pw_name, user);
}

std::string group_text(gid_t group) {
  const struct group* const entry = ::getgrgid(group);
  return named(entry == nullptr ? "" : entry->gr_name, group);
}

Failure not_allowed(std::string_view what, const std::string& who, std::string_view capability) {
  return Failure{fmt::format("workers cannot have the {} {}: that needs root, or the capability {}",
                             what, who, capability)};
}

// Those of a user without an entry are not known to anybody.
std::vector<gid_t> groups_of(const Identity& wanted) {
  const passwd* const entry = wanted.all_groups ? ::getpwuid(wanted.user) : nullptr;
  if (entry == nullptr) return {wanted.group};
  std::vector<gid_t> groups(kFewestGroups);
  auto count = static_cast<int>(groups.size());
  if (::getgrouplist(entry->pw_name, wanted.group, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
    ::getgrouplist(entry->pw_name, wanted.group, groups.data(), &count);
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

// The kernel takes them from who leaves user 0; an arbiter that is somebody else, with the right to change
// users, would leave that right to its workers.
Status drop_capabilities() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return failure("drop the ambient capabilities of a worker");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) {
    return failure("drop the capabilities of a worker");
  }
  return Nothing{};
}

}  // namespace

Status check_identity(const Identity& wanted) {
  if (wanted.is_own()) return Nothing{};
  if (wanted.user != ::geteuid() && !has_capability(CAP_SETUID)) {
    return not_allowed("user", user_text(wanted.user), "CAP_SETUID");
  }
  // The supplementary groups change with either.
  if (!has_capability(CAP_SETGID)) {
    return not_allowed("group", group_text(wanted.group), "CAP_SETGID");
  }
  return Nothing{};
}

Status assume_identity(const Identity& wanted) {
  if (wanted.is_own()) return Nothing{};
  const std::vector<gid_t> groups = groups_of(wanted);
  // The user last: it is who may change the others.
  if (::setgroups(groups.size(), groups.data()) != 0) return failure("set the groups of a worker");
  if (::setresgid(wanted.group, wanted.group, wanted.group) != 0) {
    return failure("become group " + group_text(wanted.group));
  }
  if (::setresuid(wanted.user, wanted.user, wanted.user) != 0) {
    return failure("become user " + user_text(wanted.user));
  }
  return wanted.user == 0 ? Status(Nothing{}) : drop_capabilities();
}

Status give_file(const std::string& path, const Identity& to) {
  if (to.is_own()) return Nothing{};
  // By the descriptor: in a folder of the worker's own, a name may stand for another file the next moment.
  const Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) {
    const bool is_nothing_to_give = errno == ENOENT || errno == ELOOP || errno == ENXIO;
    return is_nothing_to_give ? Status(Nothing{}) : failure("open " + path);
  }
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) return failure("look at " + path);
  if (!S_ISREG(about.st_mode) || about.st_nlink != 1) return Nothing{};
  if (about.st_uid == to.user && about.st_gid == to.group) return Nothing{};
  if (::fchown(file.get(), to.user, to.group) != 0) return failure("chown " + path);
  return Nothing{};
}

}  // namespace winghorn::supervisor
