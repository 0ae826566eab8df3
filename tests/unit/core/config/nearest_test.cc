// SPDX-License-Identifier: MIT
#include "core/config/nearest.h"

#include <gtest/gtest.h>

#include "core/config/settings_table.h"

namespace winghorn::config {
namespace {

TEST(EditDistance, CountsSlips) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("workers", "workers"), 0U);
  EXPECT_EQ(edit_distance("worker", "workers"), 1U);
  EXPECT_EQ(edit_distance("wrokers", "workers"), 1U) << "a swap is one slip";
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("ca", "abc"), 3U);
}

TEST(NearestSetting, FindsWhatWasMeant) {
  EXPECT_EQ(nearest_setting("worker"), "workers");
  EXPECT_EQ(nearest_setting("wrokers"), "workers");
  EXPECT_EQ(nearest_setting("keep_alive"), "keepalive");
  EXPECT_EQ(nearest_setting("log_level"), "loglevel");
  EXPECT_EQ(nearest_setting("post_frok"), "post_fork");
  EXPECT_EQ(nearest_flag("--keepalive"), "--keep-alive");
  EXPECT_EQ(nearest_flag("--worker"), "--workers");
  EXPECT_EQ(nearest_flag("--treads"), "--threads");
}

TEST(NearestSetting, LeavesOtherWordsAlone) {
  for (const char* word : {"app", "port", "host", "cpu_count", "base_dir", "name", "root", "x"}) {
    EXPECT_EQ(nearest_setting(word), "") << word;
  }
}

}  // namespace
}  // namespace winghorn::config
