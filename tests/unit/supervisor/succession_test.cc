// SPDX-License-Identifier: MIT
#include "supervisor/succession.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "support/in_child.h"

namespace winghorn::supervisor {
namespace {

void set_all(const Variables& variables) {
  for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
}

std::string value_of(const Variables& variables, std::string_view name) {
  const auto found =
      std::ranges::find(variables, name, &std::pair<std::string, std::string>::first);
  return found == variables.end() ? "-" : found->second;
}

TEST(Succession, NobodyIsAloneByDefault) {
  const Succession none = Succession::from_environment();
  EXPECT_TRUE(none.is_alone());
  EXPECT_EQ(none.suffix(), "");
  EXPECT_EQ(none.elder_fd(), -1);
}

TEST(Succession, HeirKnowsItsElderAndForgetsTheEnvironment) {
  const pid_t self = ::getpid();
  EXPECT_TRUE(holds_in_child([self] {
    set_all(heir_variables({}, 0, self));
    Succession heir = Succession::from_environment();
    return heir.has_elder() && !heir.is_alone() && heir.suffix() == ".2" &&
           !heir.note_promotion() && std::getenv("GUNICORN_PID") == nullptr &&
           std::getenv("GUNICORN_FD") == nullptr && std::getenv("WINGHORN_LISTENERS") == nullptr;
  }));
}

TEST(Succession, WhoHasAnotherParentIsNobodysHeir) {
  EXPECT_TRUE(holds_in_child([] {
    set_all(heir_variables({}, 0, ::getpid()));
    return Succession::from_environment().is_alone();
  }));
}

TEST(Succession, HeirIsPromotedWhenItsElderEnds) {
  // The elder here is a child that waits to be told; its child is the heir and reports.
  int report[2];
  ASSERT_EQ(::pipe(report), 0);
  const pid_t elder = ::fork();
  if (elder == 0) {
    int ready[2];
    if (::pipe(ready) != 0) ::_exit(1);
    const pid_t self = ::getpid();
    if (::fork() == 0) {
      set_all(heir_variables({}, 0, self));
      Succession heir = Succession::from_environment();
      bool good = heir.has_elder();
      (void)!::write(ready[1], "x", 1);
      pollfd ended{heir.elder_fd(), POLLIN, 0};
      good = good && heir.elder_fd() >= 0 && ::poll(&ended, 1, 20'000) == 1;
      good = good && heir.note_promotion() == self && heir.is_alone() && !heir.note_promotion();
      const char said = good ? 'y' : 'n';
      (void)!::write(report[1], &said, 1);
      ::_exit(0);
    }
    char byte = 0;
    (void)!::read(ready[0], &byte, 1);
    ::_exit(0);
  }
  ::close(report[1]);
  char said = 0;
  EXPECT_EQ(::read(report[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  ::close(report[0]);
  ::waitpid(elder, nullptr, 0);
}

TEST(Succession, HeirThatEndsIsForgotten) {
  Succession elder = Succession::from_environment();
  EXPECT_FALSE(elder.note_gone(0));
  elder.note_heir(123);
  EXPECT_FALSE(elder.is_alone());
  EXPECT_FALSE(elder.note_gone(122));
  EXPECT_TRUE(elder.note_gone(123));
  EXPECT_TRUE(elder.is_alone());
  EXPECT_FALSE(elder.note_gone(123));
}

TEST(Succession, SystemdsVariablesAreMeantForTheNewProcess) {
  const Variables plain = heir_variables({}, 0, 77);
  EXPECT_EQ(value_of(plain, "GUNICORN_PID"), "77");
  EXPECT_EQ(value_of(plain, "GUNICORN_FD"), "");
  EXPECT_EQ(value_of(plain, "LISTEN_PID"), "-");
  EXPECT_EQ(value_of(plain, "WATCHDOG_PID"), "-");
  EXPECT_TRUE(holds_in_child([] {
    ::setenv("WATCHDOG_PID", "77", 1);
    const Variables passed = heir_variables({}, 2, 77);
    const std::string heir = std::to_string(::getpid());
    return value_of(passed, "LISTEN_PID") == heir && value_of(passed, "LISTEN_FDS") == "2" &&
           value_of(passed, "WATCHDOG_PID") == heir;
  }));
}

TEST(Succession, DescriptorsWithoutAddressesAreTakenByNumber) {
  EXPECT_TRUE(holds_in_child([] {
    ::setenv("GUNICORN_PID", "1", 1);
    ::setenv("GUNICORN_FD", "5,x,7", 1);
    return Succession::from_environment().descriptors() == std::vector<int>{5, 7};
  }));
}

}  // namespace
}  // namespace winghorn::supervisor
