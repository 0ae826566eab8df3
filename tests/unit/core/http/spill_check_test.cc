// SPDX-License-Identifier: MIT
#include "core/http/spill_check.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <filesystem>

namespace winghorn {
namespace {

long file_system_of(const char* directory) {
  struct statfs about{};
  return ::statfs(directory, &about) == 0 ? about.f_type : 0;
}

TEST(SpillCheck, AFolderWithoutRoomForAFileIsNamedWithTheReason) {
  // Nobody, not even root, can make a file there.
  const std::string warning = spill_warning("/proc");
  EXPECT_TRUE(warning.starts_with("Long request bodies cannot be kept in /proc (")) << warning;
  EXPECT_NE(spill_warning("/no such folder").find("No such file or directory"), std::string::npos);
}

TEST(SpillCheck, AFolderInMemoryIsNamed) {
  if (file_system_of("/dev/shm") != TMPFS_MAGIC) GTEST_SKIP() << "/dev/shm is no tmpfs here";
  EXPECT_TRUE(
      spill_warning("/dev/shm").starts_with("Long request bodies are kept in /dev/shm, which is"));
}

TEST(SpillCheck, AFolderOnADiskIsFineAndNothingIsLeftThere) {
  const std::filesystem::path folder = std::filesystem::current_path() / "spill_check_test";
  std::filesystem::create_directory(folder);
  if (file_system_of(folder.c_str()) != TMPFS_MAGIC) {
    EXPECT_EQ(spill_warning(folder), "");
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove(folder);
}

}  // namespace
}  // namespace winghorn
