// SPDX-License-Identifier: MIT
#include "supervisor/policy.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <functional>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace winghorn::supervisor {

void PrintTo(const Step& step, std::ostream* out) {
  constexpr const char* kNames[] = {"Retire", "Stop", "Quit", "Abort", "Kill"};
  *out << kNames[static_cast<int>(step.act)] << "(" << step.pid << ", reason "
       << static_cast<int>(step.reason) << ")";
}

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Instant kStart = Instant(seconds(100'000));
Instant at(double s) { return kStart + milliseconds(static_cast<long>(s * 1000)); }

WorkerRecord booting(pid_t pid, std::uint32_t generation = 1, double born = 0) {
  WorkerRecord worker;
  worker.pid = pid;
  worker.seat = static_cast<unsigned>(pid);
  worker.number = static_cast<unsigned>(pid);
  worker.generation = generation;
  worker.born = at(born);
  return worker;
}

WorkerRecord ready(pid_t pid, std::uint32_t generation = 1, double since = 0) {
  WorkerRecord worker = booting(pid, generation, since);
  worker.ready_at = at(since);
  worker.engine_beat = at(since);
  return worker;
}

WorkerRecord beating(WorkerRecord worker, double beat) {
  worker.engine_beat = at(beat);
  return worker;
}
WorkerRecord stuck(WorkerRecord worker, double since) {
  worker.stuck_since = at(since);
  return worker;
}
WorkerRecord leaving(WorkerRecord worker, double asked, Leave how = Leave::Retire) {
  worker.leaving = how;
  worker.asked_at = at(asked);
  return worker;
}
WorkerRecord aborted(WorkerRecord worker, double when) {
  worker.aborted_at = at(when);
  return worker;
}
WorkerRecord killed(WorkerRecord worker, KillReason reason = KillReason::Timeout) {
  worker.killed = reason;
  return worker;
}

WorkerRecord timing_out(WorkerRecord worker, int timeout) {
  worker.timeout = seconds(timeout);
  return worker;
}
WorkerRecord patient(WorkerRecord worker, int graceful_timeout) {
  worker.graceful_timeout = seconds(graceful_timeout);
  return worker;
}

WorkerRecord outgoing(WorkerRecord worker) {
  worker.outgoing = true;
  return worker;
}

struct Past {
  std::uint32_t standing = 1;
  std::uint32_t proved = 1;
  unsigned failed_boots = 0;
  double last_failed_boot = 0;
  double fork_failed_at = -1;
};
const Past kNothingYet{.standing = 0, .proved = 0};

Roster roster(std::vector<WorkerRecord> workers, Past past = {}) {
  Roster made;
  made.workers = std::move(workers);
  made.standing = past.standing;
  made.proved = past.proved;
  made.failed_boots = past.failed_boots;
  made.last_failed_boot = at(past.last_failed_boot);
  if (past.fork_failed_at >= 0) made.fork_failed_at = at(past.fork_failed_at);
  return made;
}

struct Wish {
  unsigned workers = 2;
  std::uint32_t generation = 1;
  Stop stop = Stop::No;
  double stop_deadline = 0;
  unsigned standing_workers = 0;
};

Wanted wanted(Wish wish = {}) {
  Wanted made;
  made.workers = wish.workers;
  made.generation = wish.generation;
  made.standing_workers = wish.standing_workers;
  made.generation_began = kStart;
  made.stop = wish.stop;
  made.stop_deadline = at(wish.stop_deadline);
  return made;
}

struct Expected {
  std::vector<Step> steps = {};
  unsigned spawn = 0;
  bool promote = false;
  bool finished = false;
  unsigned spawn_standing = 0;
  double wake = -1;  // -1: not looked at
};

struct Case {
  const char* name;
  Roster roster;
  Wanted wanted;
  double at;
  Expected expected;
};

Step retire(pid_t pid) { return {pid, Act::Retire}; }
Step stop_(pid_t pid) { return {pid, Act::Stop}; }
Step quit(pid_t pid) { return {pid, Act::Quit}; }
Step abort_(pid_t pid) { return {pid, Act::Abort}; }
Step kill_(pid_t pid, KillReason reason) { return {pid, Act::Kill, reason}; }

const auto kTimeout = KillReason::Timeout;
const auto kGraceful = KillReason::GracefulTimeout;
const auto kQuick = KillReason::QuickStop;

// clang-format off: a row stays a row
std::vector<Case> cases() {
  return {
      // The first start: one worker boots alone.
      {"TheFirstOfAllBootsAlone", roster({}, kNothingYet), wanted(), 0, {.spawn = 1}},
      {"NoOtherWhileTheFirstBoots", roster({booting(1)}, kNothingYet), wanted({.workers = 4}), 1,
       {.spawn = 0}},
      {"TheOthersOnceTheFirstIsReady", roster({ready(1)}), wanted({.workers = 4}), 1,
       {.spawn = 3}},
      {"NoneAreWanted", roster({}, kNothingYet), wanted({.workers = 0}), 0, {.spawn = 0}},
      {"AsManyAsWanted", roster({ready(1), ready(2)}), wanted(), 1, {.wake = 30}},
      {"OthersBootTogether", roster({ready(1), booting(2)}), wanted({.workers = 4}), 1,
       {.spawn = 2}},

      // Deaths and back-off.
      {"ADeadOneIsReplaced", roster({ready(1)}), wanted(), 5, {.spawn = 1}},
      {"AllDeadAreReplaced", roster({}), wanted({.workers = 3}), 5, {.spawn = 3}},
      {"AfterAFailedBootWait", roster({ready(1, 1, 10)}, {.failed_boots = 1, .last_failed_boot = 10}),
       wanted({.workers = 3}), 10.5, {.spawn = 0, .wake = 11}},
      {"AfterTheWaitOneTries", roster({ready(1)}, {.failed_boots = 1, .last_failed_boot = 10}),
       wanted({.workers = 3}), 11, {.spawn = 1}},
      {"NoSecondTriesBesideIt",
       roster({ready(1), booting(2)}, {.failed_boots = 3, .last_failed_boot = 0}),
       wanted({.workers = 3}), 20, {.spawn = 0}},
      {"TheWaitGrows", roster({}, {.failed_boots = 4, .last_failed_boot = 10}), wanted(), 17.9,
       {.spawn = 0, .wake = 18}},
      {"TheWaitEnds", roster({}, {.failed_boots = 50, .last_failed_boot = 10}), wanted(), 39.9,
       {.spawn = 0, .wake = 40}},
      {"ABootThatNeverWorkedWaitsToo",
       roster({}, {.standing = 0, .proved = 0, .failed_boots = 1, .last_failed_boot = 10}), wanted(),
       10.2, {.spawn = 0, .wake = 11}},
      {"ForkRefusedWait", roster({ready(1, 1, 10)}, {.fork_failed_at = 10}), wanted({.workers = 4}), 10.4,
       {.spawn = 0, .wake = 11}},
      {"ForkRefusedTryAllAgain", roster({ready(1)}, {.fork_failed_at = 10}),
       wanted({.workers = 4}), 11, {.spawn = 3}},

      // A worker that asks for its successor.
      {"ASuccessorComesFirst", roster({ready(1), outgoing(ready(2))}), wanted(), 5, {.spawn = 1}},
      {"TheOldOneServesUntilThen", roster({ready(1), outgoing(ready(2)), booting(3)}), wanted(), 5,
       {.spawn = 0}},
      {"ThenItRetires", roster({ready(1), outgoing(ready(2)), ready(3)}), wanted(), 5,
       {.steps = {retire(2)}}},
      {"AllMayAskAtOnce", roster({outgoing(ready(1)), outgoing(ready(2))}), wanted(), 5, {.spawn = 2}},
      {"ItGoesWithItsGeneration",
       roster({outgoing(ready(1)), ready(2), ready(3, 2), ready(4, 2)}, {.standing = 2, .proved = 2}),
       wanted({.generation = 2}), 5, {.steps = {retire(1), retire(2)}}},
      {"ItsSuccessorComesDuringATrialToo",
       roster({ready(1), outgoing(ready(2)), booting(3, 2)}),
       wanted({.generation = 2, .standing_workers = 2}), 5, {.spawn_standing = 1}},
      {"ItIsStillWatched", roster({outgoing(stuck(beating(ready(1), 79), 49)), beating(ready(2), 79)}),
       wanted({.workers = 1}), 80, {.steps = {abort_(1)}}},

      // Progress.
      {"ABeatInTimeIsProgress", roster({beating(ready(1), 50)}), wanted({.workers = 1}), 79.9,
       {.wake = 80}},
      {"ASilentEngineIsAborted", roster({beating(ready(1), 50)}), wanted({.workers = 1}), 80,
       {.steps = {abort_(1)}, .wake = 81}},
      {"AStuckCallIsAborted", roster({stuck(beating(ready(1), 79), 49)}), wanted({.workers = 1}), 80,
       {.steps = {abort_(1)}}},
      {"AShortCallIsNot", roster({stuck(beating(ready(1), 79), 51)}), wanted({.workers = 1}), 80,
       {.wake = 81}},
      {"NoTimeoutNoAbort", roster({timing_out(stuck(ready(1), 1), 0)}), wanted({.workers = 1}), 9999,
       {}},
      {"ALongerTimeoutThanTheNewOnesHolds",
       roster({timing_out(ready(1), 100), timing_out(booting(2, 2), 5)}),
       wanted({.workers = 1, .generation = 2}), 99, {.wake = 100}},
      {"AShorterTimeoutThanTheNewOnesHolds",
       roster({timing_out(ready(1), 5), timing_out(booting(2, 2), 100)}),
       wanted({.workers = 1, .generation = 2}), 5, {.steps = {abort_(1)}}},
      {"BootingIsExempt", roster({booting(1)}, kNothingYet), wanted({.workers = 1}), 9999, {}},
      {"BeforeTheFirstBeatReadinessCounts",
       roster({[] {
         WorkerRecord worker = booting(1);
         worker.ready_at = at(100);
         return worker;
       }()}),
       wanted({.workers = 1}), 129, {.wake = 130}},
      {"ALeavingOneMayHangToo",
       roster({patient(leaving(beating(ready(1), 10), 20), 900), ready(2, 1, 40)}),
       wanted({.workers = 1}), 41, {.steps = {abort_(1)}}},
      {"AbortedIsGivenASecond", roster({aborted(ready(1), 80)}), wanted({.workers = 1}), 80.9,
       {.wake = 81}},
      {"AbortedAndStillThereIsKilled", roster({aborted(ready(1), 80)}), wanted({.workers = 1}), 81,
       {.steps = {kill_(1, kTimeout)}}},
      {"KilledIsReplacedAndNotKilledAgain", roster({killed(aborted(ready(1), 80))}),
       wanted({.workers = 1}), 90, {.spawn = 1}},
      {"OnlyTheOneThatHangs", roster({beating(ready(1), 79), beating(ready(2), 50)}), wanted(), 80,
       {.steps = {abort_(2)}}},

      // Reload: the new are ready before the old go.
      {"OneOfTheNewTriesFirst", roster({ready(1), ready(2)}), wanted({.generation = 2}), 1,
       {.spawn = 1}},
      {"TheOldStayWhileItBoots", roster({ready(1), ready(2), booting(3, 2)}),
       wanted({.generation = 2}), 1, {}},
      {"OnceOneIsReadyTheRestBoot", roster({ready(1), ready(2), ready(3, 2)}, {.proved = 2}),
       wanted({.workers = 3, .generation = 2}), 1, {.spawn = 2}},
      {"TheOldStayUntilAllAreReady",
       roster({ready(1), ready(2), ready(3, 2), booting(4, 2)}, {.proved = 2}),
       wanted({.generation = 2}), 1, {}},
      {"AllReadyTheOldRetire",
       roster({ready(1), ready(2), ready(3, 2), ready(4, 2)}, {.proved = 2}),
       wanted({.generation = 2}), 1, {.steps = {retire(1), retire(2)}, .promote = true}},
      {"FewerAreWantedNow", roster({ready(1), ready(2), ready(3, 2)}, {.proved = 2}),
       wanted({.workers = 1, .generation = 2}), 1,
       {.steps = {retire(1), retire(2)}, .promote = true}},
      {"NoneAreWantedAfterAReload", roster({ready(1)}), wanted({.workers = 0, .generation = 2}), 1,
       {.steps = {retire(1)}, .promote = true}},
      {"AnOldOneThatDiesIsReplacedWhileTheNewIsOnTrial", roster({ready(1), booting(3, 2)}),
       wanted({.generation = 2, .standing_workers = 3}), 1, {.spawn_standing = 2}},
      {"AllTheOldAreReplacedBesideATrial", roster({booting(3, 2)}),
       wanted({.generation = 2, .standing_workers = 2}), 1, {.spawn_standing = 2}},
      {"NotOnceTheNewIsProved", roster({ready(1), ready(3, 2), booting(4, 2)}, {.proved = 2}),
       wanted({.generation = 2, .standing_workers = 2}), 1, {}},
      {"NotInAStop", roster({leaving(ready(1), 0), leaving(booting(3, 2), 0)}),
       wanted({.generation = 2, .stop = Stop::Graceful, .stop_deadline = 40, .standing_workers = 2}),
       1, {}},
      {"AStandingOneThatDidNotBootWaitsToo",
       roster({ready(1), booting(3, 2)}, {.failed_boots = 1, .last_failed_boot = 10}),
       wanted({.generation = 2, .standing_workers = 2}), 10.5, {.wake = 11}},
      {"AProvedGenerationTriesOn",
       roster({ready(1), ready(2), ready(3, 2)},
              {.proved = 2, .failed_boots = 1, .last_failed_boot = 5}),
       wanted({.generation = 2}), 7, {.spawn = 1}},
      {"AnAbandonedGenerationGoes", roster({ready(1), ready(2), booting(3, 2)}), wanted(), 1,
       {.steps = {retire(3)}}},
      {"ASupersededGenerationGoes", roster({ready(1), booting(2, 2)}),
       wanted({.workers = 1, .generation = 3}), 1, {.steps = {retire(2)}, .spawn = 1}},
      {"AskedOnceOnly", roster({leaving(ready(1), 0), ready(3, 2)}, {.standing = 2, .proved = 2}),
       wanted({.workers = 1, .generation = 2}), 5, {.wake = 30}},
      {"RetiredMayFinishItsRequests",
       roster({beating(leaving(ready(1), 0), 30), ready(3, 2, 20)}, {.standing = 2, .proved = 2}),
       wanted({.workers = 1, .generation = 2}), 30.4, {.wake = 30.5}},
      {"RetiredIsNotWaitedForForEver",
       roster({beating(leaving(ready(1), 0), 30), ready(3, 2, 20)}, {.standing = 2, .proved = 2}),
       wanted({.workers = 1, .generation = 2}), 30.5, {.steps = {kill_(1, kGraceful)}}},
      {"TheReplacedKeepTheirOwnGrace",
       roster({patient(beating(leaving(ready(1), 0), 30), 60),
               patient(beating(leaving(ready(2), 0), 30), 10), patient(ready(3, 2, 20), 5)},
              {.standing = 2, .proved = 2}),
       wanted({.workers = 1, .generation = 2}), 40, {.steps = {kill_(2, kGraceful)}}},
      {"NobodyReadyYetAndAReload", roster({booting(1)}, kNothingYet),
       wanted({.workers = 2, .generation = 2}), 1, {.steps = {retire(1)}, .spawn = 1}},

      // TTIN, TTOU.
      {"OneMore", roster({ready(1), ready(2)}), wanted({.workers = 3}), 1, {.spawn = 1}},
      {"OneFewerTheOldestGoes", roster({ready(1), ready(2), ready(3)}), wanted(), 1,
       {.steps = {retire(1)}}},
      {"OneFewerTheUnreadyGoesFirst", roster({ready(1), ready(2), booting(3), booting(4)}),
       wanted({.workers = 3}), 1, {.steps = {retire(4)}}},
      {"ManyFewer", roster({ready(1), ready(2), booting(3), booting(4)}), wanted({.workers = 1}), 1,
       {.steps = {retire(4), retire(3), retire(1)}}},
      {"LeavingOnesDoNotCount", roster({leaving(ready(1), 1), ready(2), ready(3)}), wanted(), 2, {}},

      // Stop.
      {"AGracefulStopStopsAll", roster({ready(1), booting(2)}),
       wanted({.stop = Stop::Graceful, .stop_deadline = 40}), 10,
       {.steps = {stop_(1), stop_(2)}, .wake = 30}},
      {"AGracefulStopAmidAReloadStopsBothGenerations",
       roster({leaving(ready(1), 9), ready(2), booting(3, 2)}),
       wanted({.generation = 2, .stop = Stop::Graceful, .stop_deadline = 40}), 10,
       {.steps = {stop_(2), stop_(3)}}},
      {"AQuickStopQuitsAll", roster({ready(1), ready(2)}),
       wanted({.stop = Stop::Quick, .stop_deadline = 40}), 10, {.steps = {quit(1), quit(2)}}},
      {"AStopIsSaidOnce", roster({leaving(beating(ready(1), 11), 10)}),
       wanted({.stop = Stop::Graceful, .stop_deadline = 40}), 11, {}},
      {"AQuickStopAfterAGracefulOne", roster({leaving(beating(ready(1), 11), 10)}),
       wanted({.stop = Stop::Quick, .stop_deadline = 13}), 11, {.steps = {quit(1)}, .wake = 13}},
      {"NobodyIsStartedInAStop", roster({}), wanted({.stop = Stop::Graceful, .stop_deadline = 9}),
       1, {.finished = true}},
      {"PatienceEnds", roster({patient(leaving(beating(ready(1), 40), 10), 100)}),
       wanted({.stop = Stop::Graceful, .stop_deadline = 40}), 40,
       {.steps = {kill_(1, kGraceful)}}},
      {"AtOnceKillsBootingOnesToo", roster({leaving(ready(1), 1, Leave::Quit), booting(2)}),
       wanted({.stop = Stop::AtOnce, .stop_deadline = 2}), 2,
       {.steps = {kill_(1, kQuick), kill_(2, kQuick)}}},
      {"KilledInAStopIsAwaited", roster({killed(ready(1), kQuick)}),
       wanted({.stop = Stop::AtOnce, .stop_deadline = 2}), 3, {.wake = 7}},
      {"NotForEver", roster({killed(ready(1), kQuick)}),
       wanted({.stop = Stop::AtOnce, .stop_deadline = 2}), 7, {.finished = true}},
      {"AHangingOneIsAbortedInAStopToo", roster({patient(leaving(beating(ready(1), 0), 10), 99)}),
       wanted({.stop = Stop::Graceful, .stop_deadline = 99}), 30,
       {.steps = {abort_(1)}}},
  };
}
// clang-format on

void PrintTo(const Case& given, std::ostream* out) { *out << given.name; }

class Policy : public testing::TestWithParam<Case> {};

TEST_P(Policy, Decides) {
  const Case& given = GetParam();
  const Plan plan = decide(given.roster, given.wanted, at(given.at));
  EXPECT_EQ(plan.steps, given.expected.steps);
  EXPECT_EQ(plan.spawn, given.expected.spawn);
  EXPECT_EQ(plan.spawn_standing, given.expected.spawn_standing);
  EXPECT_EQ(plan.promote, given.expected.promote);
  EXPECT_EQ(plan.finished, given.expected.finished);
  if (given.expected.wake >= 0) {
    ASSERT_TRUE(plan.wake.has_value());
    EXPECT_EQ(*plan.wake, at(given.expected.wake));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Policy, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

// What was carried out is not asked for again: at most one more round (a killed worker's successor) is.
TEST_P(Policy, SettlesAtOnce) {
  Roster workers = GetParam().roster;
  const Wanted& wish = GetParam().wanted;
  const Instant moment = at(GetParam().at);
  pid_t next_pid = 1000;
  for (int round = 0; round < 2; ++round) {
    const Plan plan = decide(workers, wish, moment);
    note_steps(workers, plan.steps, moment);
    if (plan.promote) note_promoted(workers, wish);
    for (unsigned i = 0; i < plan.spawn; ++i) {
      note_spawned(workers, booting(next_pid++, wish.generation, GetParam().at));
    }
    for (unsigned i = 0; i < plan.spawn_standing; ++i) {
      note_spawned(workers, booting(next_pid++, workers.standing, GetParam().at));
    }
  }
  const Plan again = decide(workers, wish, moment);
  EXPECT_TRUE(again.steps.empty());
  EXPECT_EQ(again.spawn, 0U);
  EXPECT_EQ(again.spawn_standing, 0U);
  EXPECT_FALSE(again.promote);
}

Ending exited(int code) { return {false, code}; }
Ending signalled(int signal) { return {true, signal}; }

struct DeathCase {
  const char* name;
  Roster roster;
  Wanted wanted;
  Ending ending;
  Consequence expected;
};

void PrintTo(const DeathCase& given, std::ostream* out) { *out << given.name; }

class Death : public testing::TestWithParam<DeathCase> {};

TEST_P(Death, HasItsConsequence) {
  DeathCase given = GetParam();
  const pid_t pid = given.roster.workers.back().pid;
  const std::size_t before = given.roster.workers.size();
  EXPECT_EQ(note_gone(given.roster, given.wanted, pid, given.ending, at(20)), given.expected);
  EXPECT_EQ(given.roster.workers.size(), before - 1);
  EXPECT_EQ(given.roster.failed_boots, given.expected == Consequence::TryAgain ? 1U : 0U);
}

// The last worker of the roster dies.
const DeathCase kDeaths[] = {
    {"FirstBootFails", roster({booting(1)}, kNothingYet), wanted(), exited(3), Consequence::Halt},
    {"FirstAppDoesNotLoad", roster({booting(1)}, kNothingYet), wanted(), exited(4),
     Consequence::Halt},
    {"FirstBootCrashes", roster({booting(1)}, kNothingYet), wanted(), signalled(SIGSEGV),
     Consequence::TryAgain},
    {"FirstBootJustEnds", roster({booting(1)}, kNothingYet), wanted(), exited(0),
     Consequence::TryAgain},
    {"FirstBootIsEndedByAStop", roster({booting(1)}, kNothingYet),
     wanted({.stop = Stop::Graceful, .stop_deadline = 40}), exited(3), Consequence::None},
    {"LaterBootFails", roster({ready(1), booting(2)}), wanted(), exited(3), Consequence::TryAgain},
    {"LaterBootFailsWithNobodyLeft", roster({booting(2)}), wanted(), exited(4),
     Consequence::TryAgain},
    {"AServingWorkerExits3", roster({ready(1)}), wanted(), exited(3), Consequence::None},
    {"AServingWorkerIsKilled", roster({ready(1)}), wanted(), signalled(SIGKILL), Consequence::None},
    {"AServingWorkerRecycles", roster({ready(1)}), wanted(), exited(0), Consequence::None},
    {"ANewGenerationDoesNotBoot", roster({ready(1), booting(2, 2)}), wanted({.generation = 2}),
     exited(3), Consequence::Abandon},
    {"ANewGenerationCrashes", roster({ready(1), booting(2, 2)}), wanted({.generation = 2}),
     signalled(SIGSEGV), Consequence::Abandon},
    {"AProvedGenerationFailsLater", roster({ready(1), ready(2, 2), booting(3, 2)}, {.proved = 2}),
     wanted({.generation = 2}), exited(3), Consequence::TryAgain},
    {"ASupersededBootIsNoFailure", roster({ready(1), leaving(booting(2, 2), 1)}),
     wanted({.generation = 3}), signalled(SIGTERM), Consequence::None},
    {"ASecondGenerationBeforeAnyWasReady", roster({booting(2, 2)}, kNothingYet),
     wanted({.generation = 2}), exited(3), Consequence::Halt},
};

INSTANTIATE_TEST_SUITE_P(Table, Death, testing::ValuesIn(kDeaths),
                         [](const auto& info) { return info.param.name; });

TEST(Backoff, DoublesToThirtySeconds) {
  const int expected[] = {0, 1, 2, 4, 8, 16, 30, 30, 30};
  for (unsigned failures = 0; failures < std::size(expected); ++failures) {
    EXPECT_EQ(boot_backoff(failures), seconds(expected[failures])) << failures;
  }
  EXPECT_EQ(boot_backoff(1'000'000), seconds(30));
}

TEST(Backoff, BootsThatFailTogetherAreOneFailure) {
  Roster workers = roster({ready(1), booting(2, 1, 10), booting(3, 1, 10), booting(4, 1, 10)});
  for (const pid_t pid : {2, 3, 4}) note_gone(workers, wanted(), pid, exited(3), at(11));
  EXPECT_EQ(workers.failed_boots, 1U);
  note_spawned(workers, booting(5, 1, 12));
  note_gone(workers, wanted(), 5, exited(3), at(13));
  EXPECT_EQ(workers.failed_boots, 2U);
}

TEST(Backoff, IsOverWhenOneIsReady) {
  Roster workers = roster({booting(1)}, {.failed_boots = 5, .last_failed_boot = 1});
  note_ready(workers, 1, at(2));
  EXPECT_EQ(decide(workers, wanted({.workers = 4}), at(2)).spawn, 3U);
}

TEST(Numbers, AreReusedByTheSameGenerationOnly) {
  Roster workers = roster({ready(1), ready(3), leaving(ready(2), 1)});
  EXPECT_EQ(free_number(workers, 1), 2U);
  EXPECT_EQ(free_number(workers, 2), 1U);
}

TEST(Reload, ABurstOfHupsIsFewReloads) {
  EXPECT_EQ(reload_due(roster({ready(1)}), wanted(), at(0.2)), at(0.2));
  const Wanted underway = wanted({.generation = 2});
  EXPECT_EQ(reload_due(roster({ready(1), booting(2, 2)}), underway, at(0.2)), at(1));
  EXPECT_EQ(reload_due(roster({ready(1), booting(2, 2)}), underway, at(5)), at(5));
}

TEST(StopRequests, GrowMoreUrgent) {
  const Roster workers = roster({patient(ready(1), 10), ready(2), patient(ready(3), 20)});
  Wanted wish = wanted();
  EXPECT_TRUE(ask_to_stop(wish, workers, false, at(0)));
  EXPECT_EQ(wish.stop, Stop::Graceful);
  EXPECT_EQ(wish.stop_deadline, at(30.5));
  EXPECT_FALSE(ask_to_stop(wish, workers, false, at(1)));
  EXPECT_TRUE(ask_to_stop(wish, workers, true, at(2)));
  EXPECT_EQ(wish.stop, Stop::Quick);
  EXPECT_EQ(wish.stop_deadline, at(4));
  EXPECT_FALSE(ask_to_stop(wish, workers, false, at(2)));
  EXPECT_TRUE(ask_to_stop(wish, workers, true, at(3)));
  EXPECT_EQ(wish.stop, Stop::AtOnce);
  EXPECT_FALSE(ask_to_stop(wish, workers, true, at(3)));
}

TEST(WorkerCount, IsNotRaisedBeyondTheMost) {
  Wanted wish = wanted({.workers = 511});
  EXPECT_TRUE(add_worker(wish, 512));
  EXPECT_FALSE(add_worker(wish, 512));
  EXPECT_EQ(wish.workers, 512U);
}

TEST(WorkerCount, IsNeverTakenBelowOne) {
  Wanted wish = wanted({.workers = 1});
  EXPECT_FALSE(remove_worker(wish));
  EXPECT_TRUE(add_worker(wish, 512));
  EXPECT_EQ(wish.workers, 2U);
  EXPECT_TRUE(remove_worker(wish));
  EXPECT_EQ(wish.workers, 1U);
}

// A world in which workers boot, serve, hang and die at random while signals come in. Whatever happens, the
// generation that serves is not asked to go before another is complete, and when it is quiet again there
// are as many ready workers as wanted.
class World {
 public:
  explicit World(unsigned seed) : dice_(seed) {}

  void live(int events) {
    for (int i = 0; i < events; ++i) {
      happen();
      moment_ += milliseconds(dice_() % 700);
      act();
    }
  }

  void calm_down() {
    for (int i = 0; i < 200; ++i) {
      moment_ += milliseconds(500);
      for (WorkerRecord& worker : roster_.workers) worker.engine_beat = moment_;
      for (const pid_t pid : pids()) {
        const WorkerRecord& worker = *roster_.find(pid);
        if (worker.leaving != Leave::No || worker.aborted_at) {
          die(pid, exited(0));
        } else if (worker.is_booting()) {
          note_ready(roster_, pid, moment_);
        }
      }
      act();
    }
  }

  const Roster& roster() const { return roster_; }
  const Wanted& wanted() const { return wanted_; }

 private:
  std::vector<pid_t> pids() const {
    std::vector<pid_t> all;
    for (const WorkerRecord& worker : roster_.workers) all.push_back(worker.pid);
    return all;
  }

  void happen() {
    const unsigned what = dice_() % 12;
    if (what == 0 && reload_due(roster_, wanted_, moment_) <= moment_) {
      if (roster_.standing == wanted_.generation) wanted_.standing_workers = wanted_.workers;
      wanted_.generation = ++newest_;
      wanted_.generation_began = moment_;
    } else if (what == 1) {
      add_worker(wanted_, 6);
    } else if (what == 2) {
      remove_worker(wanted_);
    } else if (!roster_.workers.empty()) {
      befall(roster_.workers[dice_() % roster_.workers.size()].pid, what);
    }
  }

  void befall(pid_t pid, unsigned what) {
    WorkerRecord& worker = *roster_.find(pid);
    worker.engine_beat = moment_;
    if (what < 8) {
      if (worker.leaving != Leave::No || worker.killed != KillReason::None) {
        die(pid, exited(0));
      } else {
        note_ready(roster_, pid, moment_);
      }
    } else if (what == 8) {
      worker.stuck_since = moment_ - seconds(31);
    } else if (what == 9) {
      die(pid, signalled(SIGKILL));
    } else if (what == 10 && roster_.ever_ready()) {
      die(pid, exited(3));
    }
  }

  void die(pid_t pid, Ending ending) {
    if (note_gone(roster_, wanted_, pid, ending, moment_) == Consequence::Abandon) {
      wanted_.generation = roster_.standing;
    }
  }

  void act() {
    for (int turn = 0; turn < 4; ++turn) {
      const Plan plan = decide(roster_, wanted_, moment_);
      for (const Step& step : plan.steps) check(step, plan);
      note_steps(roster_, plan.steps, moment_);
      if (plan.promote) note_promoted(roster_, wanted_);
      for (unsigned i = 0; i < plan.spawn; ++i) {
        WorkerRecord born = booting(next_pid_++, wanted_.generation);
        born.born = moment_;
        note_spawned(roster_, born);
      }
      for (unsigned i = 0; i < plan.spawn_standing; ++i) {
        WorkerRecord born = booting(next_pid_++, roster_.standing);
        born.born = moment_;
        note_spawned(roster_, born);
      }
    }
    const auto staying = std::ranges::count_if(roster_.workers, [this](const auto& worker) {
      return worker.generation == wanted_.generation && worker.is_staying();
    });
    EXPECT_LE(staying, wanted_.workers);
  }

  void check(const Step& step, const Plan& plan) {
    if (step.act != Act::Retire || plan.promote) return;
    const WorkerRecord& worker = *roster_.find(step.pid);
    const bool is_shrinking = worker.generation == wanted_.generation;
    EXPECT_TRUE(worker.generation != roster_.standing || is_shrinking)
        << "the serving generation was asked to go";
  }

  std::mt19937 dice_;
  Roster roster_;
  Wanted wanted_ = supervisor::wanted({.workers = 3});
  Instant moment_ = kStart;
  std::uint32_t newest_ = 1;
  pid_t next_pid_ = 1;
};

TEST(AnyHistory, EndsWithTheWantedNumberReady) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    world.live(200);
    world.calm_down();
    EXPECT_EQ(world.roster().workers.size(), world.wanted().workers);
    for (const WorkerRecord& worker : world.roster().workers) {
      EXPECT_FALSE(worker.is_booting());
      EXPECT_EQ(worker.generation, world.wanted().generation);
    }
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace winghorn::supervisor
