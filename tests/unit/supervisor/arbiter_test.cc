// SPDX-License-Identifier: MIT
// Real processes: an arbiter in a child of the test, its workers as grandchildren.
#include "supervisor/arbiter.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "staged_arbiter.h"

namespace winghorn::supervisor {
namespace {

std::uint16_t a_free_port() {
  const Result<Listener> listener = Listener::bind({.host = "127.0.0.1"}, {});
  return listener.value().bound().port;
}

TEST(Arbiter, StartsServesAndStops) {
  StagedArbiter arbiter({.workers = 3});
  ASSERT_TRUE(arbiter.becomes_ready(3));
  const std::vector<pid_t> workers = arbiter.ready();
  EXPECT_EQ(arbiter.children(), workers);
  EXPECT_TRUE(accepts(arbiter.port()));
  EXPECT_EQ(arbiter.stop(), 0);
  for (const pid_t worker : workers) EXPECT_TRUE(is_gone(worker));
  EXPECT_FALSE(accepts(arbiter.port()));

  const std::string pid = std::to_string(arbiter.pid());
  const std::string lines[] = {"[INFO] Starting winghorn ",
                               "[INFO] Listening at: http://127.0.0.1:",
                               "(" + pid + ")",
                               "[INFO] Using worker: sync",
                               "[INFO] Booting worker with pid: ",
                               "[INFO] Handling signal: term",
                               "[INFO] Worker exiting (pid: ",
                               "[INFO] Shutting down: Master"};
  const std::string log = arbiter.log();
  std::size_t from = 0;
  for (const std::string& line : lines) {
    from = log.find(line, from);
    ASSERT_NE(from, std::string::npos) << line;
  }
  EXPECT_EQ(arbiter.count_in_log("Booting worker with pid: "), 3);
  EXPECT_EQ(arbiter.count_in_log("ERROR"), 0) << log;
}

TEST(Arbiter, OnlyAStopOfTheWholeServerAsksToEmptyTheQueues) {
  StagedArbiter arbiter({.workers = 3});
  ASSERT_TRUE(arbiter.becomes_ready(3));
  arbiter.send(SIGTTOU);
  ASSERT_TRUE(arbiter.becomes_ready(2));
  EXPECT_EQ(arbiter.stage().retired, 1);
  arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.logs("Reload complete"));
  ASSERT_TRUE(arbiter.becomes_ready(3));
  EXPECT_EQ(arbiter.stage().retired, 3);
  EXPECT_EQ(arbiter.stage().stopped, 0);
  EXPECT_EQ(arbiter.stop(), 0);
  EXPECT_EQ(arbiter.stage().retired, 3);
  EXPECT_EQ(arbiter.stage().stopped, 3);
}

TEST(Arbiter, InterruptStopsQuickly) {
  for (const int signal : {SIGINT, SIGQUIT}) {
    StagedArbiter arbiter;
    ASSERT_TRUE(arbiter.becomes_ready(2));
    arbiter.send(signal);
    EXPECT_EQ(arbiter.exit_status(), 0);
    EXPECT_TRUE(arbiter.logs(signal == SIGINT ? "Handling signal: int" : "Handling signal: quit"));
  }
}

TEST(Arbiter, ReplacesAKilledWorkerAndSaysWhatItHad) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const pid_t victim = arbiter.ready().front();
  ::kill(victim, SIGKILL);
  ASSERT_TRUE(
      arbiter.logs("[ERROR] Worker (pid:" + std::to_string(victim) + ") was sent SIGKILL!"));
  ASSERT_TRUE(arbiter.logs("Not by the arbiter"));
  ASSERT_TRUE(arbiter.becomes_ready(2));
  EXPECT_FALSE(std::ranges::count(arbiter.ready(), victim));
  // What the client sent is escaped.
  EXPECT_TRUE(arbiter.logs("Unfinished in it: GET /slow?\\x1b from 10.0.0.9"));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, LeavesNoZombieAndNoDescriptorBehind) {
  StagedArbiter arbiter({.workers = 3});
  ASSERT_TRUE(arbiter.becomes_ready(3));
  const int before = StagedArbiter::open_descriptors(arbiter.pid());
  const int of_a_worker = StagedArbiter::open_descriptors(arbiter.ready().front());
  for (int round = 0; round < 8; ++round) {
    const std::vector<pid_t> workers = arbiter.ready();
    for (const pid_t worker : workers) ::kill(worker, round % 2 == 0 ? SIGKILL : SIGTERM);
    ASSERT_TRUE(comes_true([&] { return arbiter.none_left_of(workers); }));
    ASSERT_TRUE(arbiter.becomes_ready(3));
  }
  EXPECT_EQ(arbiter.children(), arbiter.ready());
  EXPECT_EQ(StagedArbiter::open_descriptors(arbiter.pid()), before);
  for (const pid_t worker : arbiter.ready()) {
    // None holds a sibling's lifeline.
    EXPECT_EQ(StagedArbiter::open_descriptors(worker), of_a_worker);
  }
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, HaltsWhenTheFirstWorkerDoesNotBoot) {
  struct {
    Part part;
    int status;
    const char* reason;
  } const cases[] = {{Part::FailToBoot, 3, "[ERROR] Reason: Worker failed to boot."},
                     {Part::FailToLoad, 4, "[ERROR] Reason: App failed to load."}};
  for (const auto& given : cases) {
    StagedArbiter arbiter({.workers = 4, .first_part = given.part});
    EXPECT_EQ(arbiter.exit_status(), given.status);
    EXPECT_EQ(arbiter.count_in_log("Booting worker with pid: "), 1);
    EXPECT_TRUE(arbiter.logs("exited with code " + std::to_string(given.status) + "."));
    EXPECT_TRUE(arbiter.logs("[ERROR] Shutting down: Master"));
    EXPECT_TRUE(arbiter.logs(given.reason));
  }
}

TEST(Arbiter, BacksOffWhenALaterWorkerDoesNotBoot) {
  StagedArbiter arbiter({.workers = 3});
  ASSERT_TRUE(arbiter.becomes_ready(3));
  arbiter.stage().part = Part::FailToBoot;
  ::kill(arbiter.ready().front(), SIGKILL);
  ASSERT_TRUE(arbiter.logs("the next is started in 1 s"));
  EXPECT_EQ(arbiter.ready().size(), 2U);
  ASSERT_TRUE(arbiter.logs("the next is started in 2 s"));
  arbiter.stage().part = Part::Serve;
  ASSERT_TRUE(arbiter.becomes_ready(3));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, ReloadReplacesAllWorkers) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const std::vector<pid_t> old = arbiter.ready();
  const int port = arbiter.port();
  arbiter.stage().reload_workers = 3;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.logs("Reload complete"));
  ASSERT_TRUE(arbiter.becomes_ready(3));
  for (const pid_t pid : arbiter.ready()) EXPECT_FALSE(std::ranges::count(old, pid));
  EXPECT_TRUE(arbiter.logs("[INFO] Handling signal: hup"));
  EXPECT_TRUE(arbiter.logs("[INFO] Hang up: Master"));
  EXPECT_TRUE(accepts(port));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AGenerationThatDoesNotBootLeavesTheOldOneServing) {
  for (const Part part : {Part::FailToBoot, Part::EndAtBoot}) {
    StagedArbiter arbiter;
    ASSERT_TRUE(arbiter.becomes_ready(2));
    const std::vector<pid_t> old = arbiter.ready();
    arbiter.stage().part = part;
    arbiter.stage().reload_workers = 5;
    arbiter.send(SIGHUP);
    ASSERT_TRUE(arbiter.logs("[ERROR] Reload failed: the new worker"));
    ASSERT_TRUE(arbiter.becomes_ready(2));
    EXPECT_EQ(arbiter.ready(), old);
    EXPECT_EQ(arbiter.count_in_log("Booting worker with pid: "), 3);
    arbiter.stage().part = Part::Serve;
    arbiter.send(SIGHUP);
    ASSERT_TRUE(arbiter.logs("Reload complete"));
    ASSERT_TRUE(arbiter.becomes_ready(5));
    for (const pid_t pid : arbiter.ready()) EXPECT_FALSE(std::ranges::count(old, pid));
    EXPECT_EQ(arbiter.stop(), 0);
  }
}

TEST(Arbiter, ANewReloadReplacesOneThatHangs) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const std::vector<pid_t> old = arbiter.ready();
  arbiter.stage().part = Part::HangAtBoot;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(comes_true([&] { return arbiter.stage().hanging == 1; }));
  EXPECT_EQ(arbiter.ready(), old);
  arbiter.stage().part = Part::Serve;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.logs("Reload complete"));
  EXPECT_EQ(arbiter.ready().size(), 2U);
  arbiter.send(SIGINT);
  ASSERT_TRUE(arbiter.logs("Handling signal: int"));
  arbiter.send(SIGINT);
  EXPECT_EQ(arbiter.exit_status(), 0);
}

TEST(Arbiter, AReloadThatHangsDoesNotDrainTheService) {
  StagedArbiter arbiter({.graceful_timeout = 0});
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const pid_t victim = arbiter.ready().front();
  arbiter.stage().part = Part::HangAtBoot;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(comes_true([&] { return arbiter.stage().hanging == 1; }));
  arbiter.stage().part = Part::Serve;
  ::kill(victim, SIGKILL);
  EXPECT_TRUE(comes_true(
      [&] { return arbiter.ready().size() == 2 && !std::ranges::count(arbiter.ready(), victim); }));
  EXPECT_EQ(arbiter.count_in_log("Reload complete"), 0);
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AReloadBeforeAnyWorkerWasReadyTakesOver) {
  StagedArbiter arbiter({.workers = 2, .graceful_timeout = 1, .first_part = Part::HangAtBoot});
  ASSERT_TRUE(arbiter.logs("Booting worker"));
  const int first = arbiter.port();
  const std::uint16_t second = a_free_port();
  arbiter.stage().part = Part::Serve;
  arbiter.stage().reload_port = second;
  arbiter.stage().reload_drops_first = true;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.becomes_ready(2));
  EXPECT_TRUE(accepts(second));
  EXPECT_TRUE(comes_true([&] { return !accepts(first); }));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AMistakeInTheConfigurationLeavesTheOldOne) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const std::vector<pid_t> old = arbiter.ready();
  arbiter.stage().reload_fails = true;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(
      arbiter.logs("Reload failed, the old settings stay: the file has a mistake in line 3"));
  EXPECT_EQ(arbiter.ready(), old);
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, ABurstOfReloadsEndsWithTheRightNumber) {
  StagedArbiter arbiter({.workers = 3});
  ASSERT_TRUE(arbiter.becomes_ready(3));
  const std::vector<pid_t> old = arbiter.ready();
  for (int i = 0; i < 40; ++i) arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.logs("Reload complete"));
  ASSERT_TRUE(arbiter.becomes_ready(3));
  for (const pid_t pid : arbiter.ready()) EXPECT_FALSE(std::ranges::count(old, pid));
  EXPECT_LE(arbiter.count_in_log("Hang up: Master"), 5);
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, ReloadKeepsWhatBothNameAndClosesTheRestAfterwards) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const int first = arbiter.port();
  const std::uint16_t second = a_free_port();
  arbiter.stage().reload_port = second;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.logs("Reload complete"));
  EXPECT_TRUE(accepts(first));
  EXPECT_TRUE(accepts(second));
  EXPECT_EQ(arbiter.stage().ports_seen, 2);
  EXPECT_TRUE(arbiter.logs("Listening at: http://127.0.0.1:" + std::to_string(first) +
                           ",http://127.0.0.1:" + std::to_string(second) + "\n"));
  arbiter.stage().reload_drops_first = true;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(comes_true([&] { return arbiter.count_in_log("Reload complete") == 2; }));
  ASSERT_TRUE(arbiter.becomes_ready(2));
  EXPECT_TRUE(comes_true([&] { return !accepts(first); }));
  EXPECT_TRUE(accepts(second));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, ATakenNewAddressLeavesTheOldOnes) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const std::vector<pid_t> old = arbiter.ready();
  const Result<Listener> taken = Listener::bind({.host = "127.0.0.1"}, {});
  arbiter.stage().reload_port = taken.value().bound().port;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.logs("Connection in use: ('127.0.0.1', "));
  ASSERT_TRUE(arbiter.logs("Reload failed, the old settings stay: "));
  EXPECT_EQ(arbiter.ready(), old);
  EXPECT_TRUE(accepts(arbiter.port()));
  EXPECT_EQ(arbiter.stop(), 0);
}

// The log's places and level are the generation's.
TEST(Arbiter, AReloadThatSucceedsMovesTheLog) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  arbiter.stage().reload_moves_log = true;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(comes_true([&] { return std::filesystem::exists(arbiter.other_log_path()); }));
  ASSERT_TRUE(comes_true([&] { return arbiter.stage().retired == 2; }));
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const std::string old = arbiter.log();
  EXPECT_EQ(arbiter.stop(), 0);
  EXPECT_EQ(arbiter.log(), old);
}

TEST(Arbiter, ANewGenerationThatDoesNotBootDoesNotKeepTheLog) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const pid_t victim = arbiter.ready().front();
  arbiter.stage().reload_moves_log = true;
  arbiter.stage().part = Part::HangAtBoot;
  arbiter.send(SIGHUP);
  // It has taken its part, so that the next may have another.
  ASSERT_TRUE(comes_true([&] { return arbiter.stage().hanging == 1; }));
  // What replaces the dead of the old generation meanwhile writes to the old log.
  arbiter.stage().part = Part::Serve;
  ::kill(victim, SIGKILL);
  ASSERT_TRUE(comes_true([&] { return arbiter.count_in_log("Booting worker") == 3; }));
  ASSERT_TRUE(comes_true([&] { return arbiter.children().size() == 3; }));
  const std::vector<pid_t> ready = arbiter.ready();
  for (const pid_t pid : arbiter.children()) {
    if (!std::ranges::count(ready, pid)) ::kill(pid, SIGKILL);
  }
  ASSERT_TRUE(arbiter.logs("Reload failed: the new worker"));
  arbiter.send(SIGTTIN);
  EXPECT_TRUE(arbiter.logs("Handling signal: ttin"));  // and it is INFO
  ASSERT_TRUE(arbiter.becomes_ready(3));
  EXPECT_EQ(arbiter.count_in_log("Booting worker"), 4);
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AReloadThatCannotBindDoesNotTouchTheLog) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const Result<Listener> taken = Listener::bind({.host = "127.0.0.1"}, {});
  arbiter.stage().reload_port = taken.value().bound().port;
  arbiter.stage().reload_moves_log = true;
  arbiter.send(SIGHUP);
  EXPECT_TRUE(arbiter.logs("Reload failed, the old settings stay: "));
  arbiter.send(SIGTTIN);
  EXPECT_TRUE(arbiter.logs("Handling signal: ttin"));
  EXPECT_FALSE(std::filesystem::exists(arbiter.other_log_path()));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AReloadWhoseLogCannotBeOpenedClosesItsNewAddress) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const std::vector<pid_t> old = arbiter.ready();
  const std::uint16_t port = a_free_port();
  arbiter.stage().reload_port = port;
  arbiter.stage().reload_breaks_log = true;
  arbiter.send(SIGHUP);
  EXPECT_TRUE(arbiter.logs("Reload failed, the old settings stay: Error: '"));
  EXPECT_FALSE(accepts(port));
  EXPECT_EQ(arbiter.ready(), old);
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AReloadIsRefusedWhatTheBoardHasNoRoomFor) {
  StagedArbiter arbiter({.workers = 1, .seats = 6});
  ASSERT_TRUE(arbiter.becomes_ready(1));
  arbiter.stage().reload_workers = 4;
  arbiter.send(SIGHUP);
  EXPECT_TRUE(arbiter.logs("workers = 4 is more than the 3 that this server has made room for"));
  arbiter.stage().reload_workers = 3;
  arbiter.stage().reload_threads = 2;
  arbiter.send(SIGHUP);
  EXPECT_TRUE(
      arbiter.logs("threads + stuck_slots_limit = 2 is more than the 1 that this server has "
                   "made room for"));
  arbiter.stage().reload_threads = 1;
  arbiter.send(SIGHUP);
  ASSERT_TRUE(arbiter.becomes_ready(3));
  arbiter.send(SIGTTIN);
  EXPECT_TRUE(arbiter.logs("TTIN is ignored: there are 3 workers"));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, TheNumberOfWorkersCanBeChanged) {
  StagedArbiter arbiter({.workers = 1});
  ASSERT_TRUE(arbiter.becomes_ready(1));
  const pid_t oldest = arbiter.ready().front();
  arbiter.send(SIGTTOU);  // not below one
  ASSERT_TRUE(arbiter.logs("Handling signal: ttou"));
  arbiter.send(SIGTTIN);
  ASSERT_TRUE(arbiter.becomes_ready(2));
  arbiter.send(SIGTTOU);
  ASSERT_TRUE(arbiter.becomes_ready(1));
  EXPECT_NE(arbiter.ready().front(), oldest);
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, ABurstOfChangesEndsWithTheRightNumber) {
  StagedArbiter arbiter({.workers = 2, .seats = 256});
  ASSERT_TRUE(arbiter.becomes_ready(2));
  for (int i = 0; i < 50; ++i) {
    arbiter.send(SIGTTIN);
    arbiter.send(SIGTTOU);
    arbiter.send(SIGTTIN);
  }
  // The kernel merges equal signals that are pending: what counts is what arrived.
  const auto expected = [&] {
    std::istringstream lines(arbiter.log());
    std::size_t count = 2;
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with("Handling signal: ttin")) ++count;
      if (line.ends_with("Handling signal: ttou") && count > 1) --count;
    }
    return count;
  };
  EXPECT_TRUE(comes_true([&] {
    return arbiter.ready().size() == expected() && arbiter.taken_seats() == expected() &&
           arbiter.children() == arbiter.ready();
  }));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, NoMoreWorkersThanCanBeConfigured) {
  // The first boots alone, so there is one process.
  StagedArbiter arbiter({.workers = 512, .graceful_timeout = 0, .first_part = Part::HangAtBoot});
  ASSERT_TRUE(arbiter.logs("Booting worker"));
  arbiter.send(SIGTTIN);
  EXPECT_TRUE(arbiter.logs("[WARNING] TTIN is ignored: there are 512 workers"));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, NoWorkersAtAllIsPossible) {
  StagedArbiter arbiter({.workers = 0});
  ASSERT_TRUE(arbiter.logs("Using worker"));
  EXPECT_TRUE(accepts(arbiter.port()));
  arbiter.send(SIGTTIN);
  ASSERT_TRUE(arbiter.becomes_ready(1));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AStoppedWorkerIsReplaced) {
  StagedArbiter arbiter({.workers = 2, .timeout = 1});
  ASSERT_TRUE(arbiter.becomes_ready(2));
  const pid_t victim = arbiter.ready().front();
  ::kill(victim, SIGSTOP);
  const std::string pid = std::to_string(victim);
  ASSERT_TRUE(arbiter.logs("[CRITICAL] WORKER TIMEOUT (pid:" + pid + ")"));
  ASSERT_TRUE(
      arbiter.logs("Worker (pid:" + pid + ") was sent SIGKILL! By the arbiter: no progress"));
  ASSERT_TRUE(arbiter.becomes_ready(2));
  EXPECT_FALSE(std::ranges::count(arbiter.ready(), victim));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AStuckWorkerIsToldToAbortAndNotSignalled) {
  StagedArbiter arbiter({.workers = 1, .timeout = 1});
  ASSERT_TRUE(arbiter.becomes_ready(1));
  const std::string victim = std::to_string(arbiter.ready().front());
  arbiter.stage().stuck = arbiter.ready().front();
  ASSERT_TRUE(arbiter.logs("WORKER TIMEOUT (pid:" + victim + ")"));
  ASSERT_TRUE(arbiter.logs("Worker (pid:" + victim + ") exited with code 1."));
  EXPECT_EQ(arbiter.stage().aborted, 1);
  ASSERT_TRUE(arbiter.becomes_ready(1));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, AStuckWorkerWithoutALifelineGetsTheSignal) {
  StagedArbiter arbiter({.workers = 1, .timeout = 1, .first_part = Part::Deaf});
  ASSERT_TRUE(arbiter.logs("WORKER TIMEOUT (pid:"));
  EXPECT_TRUE(arbiter.logs(" was sent SIGABRT!"));
}

TEST(Arbiter, AWorkerThatBootsEndsWithTheArbiter) {
  StagedArbiter arbiter({.workers = 1, .first_part = Part::HangAtBoot});
  ASSERT_TRUE(arbiter.logs("Booting worker"));
  ASSERT_TRUE(comes_true([&] { return arbiter.children().size() == 1; }));
  const pid_t worker = arbiter.children().front();
  arbiter.send(SIGKILL);
  EXPECT_EQ(arbiter.exit_status(), 128 + SIGKILL);
  EXPECT_TRUE(comes_true([&] { return is_gone(worker); }, 2));
}

TEST(Arbiter, ASlowBootIsNotATimeout) {
  StagedArbiter arbiter({.workers = 1, .timeout = 1, .first_part = Part::HangAtBoot});
  ASSERT_TRUE(arbiter.logs("Booting worker"));
  EXPECT_FALSE(comes_true([&] { return arbiter.count_in_log("TIMEOUT") > 0; }, 2));
  arbiter.send(SIGINT);
  ASSERT_TRUE(arbiter.logs("Handling signal: int"));
  arbiter.send(SIGINT);
  EXPECT_EQ(arbiter.exit_status(), 0);
  EXPECT_TRUE(arbiter.logs("By the arbiter: the stop was asked for a second time."));
}

TEST(Arbiter, AStopKillsWhoDoesNotGo) {
  StagedArbiter arbiter({.workers = 2, .graceful_timeout = 1, .first_part = Part::Stubborn});
  ASSERT_TRUE(arbiter.becomes_ready(2));
  EXPECT_EQ(arbiter.stop(), 0);
  EXPECT_EQ(arbiter.count_in_log("was sent SIGKILL! By the arbiter: asked to leave"), 2);
}

TEST(Arbiter, ASecondInterruptKillsAtOnce) {
  StagedArbiter arbiter({.workers = 2, .first_part = Part::Stubborn});
  ASSERT_TRUE(arbiter.becomes_ready(2));
  arbiter.send(SIGTERM);
  ASSERT_TRUE(arbiter.logs("Handling signal: term"));
  arbiter.send(SIGINT);
  ASSERT_TRUE(arbiter.logs("Quick shutdown requested"));
  arbiter.send(SIGINT);
  EXPECT_EQ(arbiter.exit_status(), 0);
}

TEST(Arbiter, WorkersGoWhenTheArbiterIsKilled) {
  StagedArbiter arbiter({.workers = 3});
  ASSERT_TRUE(arbiter.becomes_ready(3));
  const std::vector<pid_t> workers = arbiter.ready();
  const int port = arbiter.port();
  arbiter.send(SIGKILL);
  EXPECT_EQ(arbiter.exit_status(), 128 + SIGKILL);
  for (const pid_t worker : workers) EXPECT_TRUE(comes_true([&] { return is_gone(worker); }));
  EXPECT_FALSE(accepts(port));
}

TEST(Arbiter, ReapsStrangers) {
  StagedArbiter arbiter({.workers = 1, .before_run = [] { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }});
  ASSERT_TRUE(arbiter.becomes_ready(1));
  const pid_t parent = arbiter.ready().front();
  arbiter.stage().orphans = parent;
  ASSERT_TRUE(comes_true([&] {
    std::ifstream file("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) +
                       "/children");
    pid_t child = 0;
    return !file.is_open() || bool(file >> child);
  }));
  ::kill(parent, SIGKILL);
  ASSERT_TRUE(arbiter.logs("[DEBUG] Reaped unknown child process (pid:"));
  EXPECT_TRUE(arbiter.logs(", status:1792)"));
  ASSERT_TRUE(arbiter.becomes_ready(1));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, ReopensLogsAndTellsItsWorkers) {
  StagedArbiter arbiter;
  ASSERT_TRUE(arbiter.becomes_ready(2));
  std::filesystem::rename(arbiter.log_path(), arbiter.log_path() + ".1");
  arbiter.send(SIGUSR1);
  ASSERT_TRUE(comes_true([&] { return arbiter.stage().reopened == 2; }));
  EXPECT_EQ(arbiter.stop(), 0);
  EXPECT_TRUE(arbiter.logs("Shutting down: Master"));
}

TEST(Arbiter, ASignalReachesAWorkerWhoseLifelineDoesNot) {
  StagedArbiter arbiter({.workers = 1, .timeout = 0, .first_part = Part::Deaf});
  ASSERT_TRUE(arbiter.becomes_ready(1));
  arbiter.send(SIGUSR1);
  EXPECT_TRUE(comes_true([&] { return arbiter.stage().reopened == 1; }));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, ReopeningDoesNotEndAWorkerThatBoots) {
  StagedArbiter arbiter({.workers = 1, .graceful_timeout = 0, .first_part = Part::HangAtBoot});
  ASSERT_TRUE(arbiter.logs("Booting worker"));
  arbiter.send(SIGUSR1);
  ASSERT_TRUE(arbiter.logs("Handling signal: usr1"));
  EXPECT_EQ(arbiter.stop(), 0);
  EXPECT_EQ(arbiter.count_in_log("SIGUSR1"), 0);
}

TEST(Arbiter, GoesOnWhenANewOneDoesNotStart) {
  StagedArbiter arbiter({.workers = 1});
  ASSERT_TRUE(arbiter.becomes_ready(1));
  const std::vector<pid_t> before = arbiter.ready();
  arbiter.send(SIGUSR2);
  EXPECT_TRUE(arbiter.logs("exited with code 1; this one goes on"));
  EXPECT_EQ(arbiter.ready(), before);
  EXPECT_TRUE(accepts(arbiter.port()));
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, GoesOnWithFewerWhenSeatsRunOut) {
  StagedArbiter arbiter({.workers = 4, .seats = 2});
  ASSERT_TRUE(arbiter.logs("every seat of the scoreboard is taken"));
  ASSERT_TRUE(arbiter.becomes_ready(2));
  arbiter.send(SIGTTOU);
  arbiter.send(SIGTTOU);
  EXPECT_EQ(arbiter.ready().size(), 2U);
  EXPECT_EQ(arbiter.stop(), 0);
}

TEST(Arbiter, GoesOnWithFewerWhileForkIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: the limit counts all processes of a user";
  const auto own_uid = static_cast<uid_t>(60000 + ::getpid() % 5000);
  StagedArbiter arbiter({.workers = 2, .before_run = [own_uid] {
                           if (::setuid(own_uid) != 0) ::_exit(98);
                         }});
  ASSERT_TRUE(arbiter.becomes_ready(2));
  arbiter.stage().most_processes = 2;  // the arbiter and one worker
  ::kill(arbiter.ready().front(), SIGKILL);
  ASSERT_TRUE(arbiter.logs("Can't start a worker (fork: Resource temporarily unavailable)"));
  EXPECT_EQ(arbiter.ready().size(), 1U);
  arbiter.stage().most_processes = 1000;
  ASSERT_TRUE(comes_true([&] { return arbiter.ready().size() == 2; }, 3));
  EXPECT_EQ(arbiter.stop(), 0);
}

config::BindAddress unix_address(const std::string& path) {
  config::BindAddress address;
  address.family = config::BindAddress::Family::Unix;
  address.path = path;
  return address;
}

TEST(Arbiter, RemovesItsSocketFile) {
  const std::string path = testing::TempDir() + "arbiter-" + std::to_string(::getpid()) + ".sock";
  StagedArbiter arbiter({.addresses = {unix_address(path)}});
  ASSERT_TRUE(arbiter.becomes_ready(2));
  EXPECT_TRUE(arbiter.logs("Listening at: unix:" + path));
  EXPECT_TRUE(std::filesystem::is_socket(path));
  EXPECT_EQ(arbiter.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Arbiter, CanBeInterruptedWhileItWaitsForAnAddress) {
  const Result<Listener> taken = Listener::bind({.host = "127.0.0.1"}, {});
  config::BindAddress address;
  address.host = "127.0.0.1";
  address.port = taken.value().bound().port;
  StagedArbiter arbiter({.addresses = {address}});
  ASSERT_TRUE(arbiter.logs("Retrying in 1 second."));
  arbiter.send(SIGINT);
  EXPECT_EQ(arbiter.exit_status(), 0);
  EXPECT_EQ(arbiter.count_in_log("Retrying in 1 second."), 1);
}

TEST(Arbiter, ExitsWith1WithoutAnAddress) {
  StagedArbiter arbiter({.addresses = {unix_address("/proc/version")}});
  EXPECT_EQ(arbiter.exit_status(), 1);
  EXPECT_TRUE(arbiter.logs("'/proc/version' is not a socket"));
}

}  // namespace
}  // namespace winghorn::supervisor
