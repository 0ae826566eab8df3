// SPDX-License-Identifier: MIT
#include "supervisor/process_title.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace winghorn::supervisor {
namespace {

std::string shown() {
  std::ifstream file("/proc/self/cmdline");
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

// In a child: the title of the test program is not to be lost.
template <class Test>
void in_a_child(Test test) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(test() ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ProcessTitle, IsWhatTheKernelShows) {
  in_a_child([] {
    set_process_title("a title");
    if (shown() != "a title") return false;
    set_process_title("b");
    return shown() == "b";
  });
}

TEST(ProcessTitle, StaysWithinItsRoom) {
  in_a_child([] {
    const std::size_t room = shown().size();
    const char* const path = std::getenv("PATH");
    const std::string before = path == nullptr ? "" : path;
    set_process_title(std::string(100'000, 'x'));
    const bool is_cut = shown() == std::string(room, 'x');
    return is_cut && (path == nullptr || before == std::getenv("PATH"));
  });
}

}  // namespace
}  // namespace winghorn::supervisor
