// SPDX-License-Identifier: MIT
#include "supervisor/obituary.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <ostream>
#include <string>
#include <vector>

namespace winghorn::supervisor {
namespace {

struct Case {
  const char* name;
  WorkerRecord worker;
  Death death;
  Stop stop = Stop::No;
  log::Level level = log::Level::Info;
  std::string text = {};  // the first line
};

void PrintTo(const Case& given, std::ostream* out) { *out << given.name; }

WorkerRecord worker(bool is_ready, Leave leaving = Leave::No,
                    KillReason killed = KillReason::None) {
  WorkerRecord made;
  made.pid = 41;
  if (is_ready) made.ready_at = Instant(Seconds(1));
  made.leaving = leaving;
  made.killed = killed;
  return made;
}

WorkerRecord aborted() {
  WorkerRecord made = worker(true);
  made.aborted_at = Instant(Seconds(2));
  return made;
}

Death exited(int code) { return {{false, code}}; }
Death signalled(int signal) { return {{true, signal}}; }

Death killed(OomVerdict memory) {
  Death death = signalled(SIGKILL);
  death.memory = memory;
  return death;
}

Death sent_by(Death death, int signal, std::uint32_t pid) {
  death.sender = SignalSender{signal, pid};
  return death;
}

Death with_a_request(Death death) {
  death.unfinished.emplace_back("Unfinished in it: GET / from -, begun 1.0 s ago (running)");
  return death;
}

std::vector<Case> killed_cases() {
  const std::string sent = "Worker (pid:41) was sent SIGKILL! ";
  const auto error = log::Level::Error;
  const auto by_us = [](KillReason why) { return worker(true, Leave::No, why); };
  return {
      {"KilledFromOutsideOrForMemory", worker(true), killed(OomVerdict::NotKnown), Stop::No, error,
       sent + "Perhaps out of memory? Not by the arbiter: by the kernel or another process."},
      {"KilledFromOutside", worker(true), killed(OomVerdict::DidNotKill), Stop::No, error,
       sent + "Not by the arbiter, nor by the kernel for want of memory: by another process."},
      {"KilledForMemory", worker(true), killed(OomVerdict::Killed), Stop::No, error,
       sent + "By the kernel: out of memory (it has counted an oom_kill in this control group)."},
      {"KilledForItsSilence", by_us(KillReason::Timeout), killed(OomVerdict::NotKnown), Stop::No,
       error, sent + "By the arbiter: no progress within the timeout, and SIGABRT did not end it."},
      {"KilledForStaying", by_us(KillReason::GracefulTimeout), killed(OomVerdict::NotKnown),
       Stop::Graceful, error,
       sent + "By the arbiter: asked to leave, it was still there after graceful_timeout."},
      {"KilledByImpatience", by_us(KillReason::QuickStop), killed(OomVerdict::NotKnown),
       Stop::AtOnce, error, sent + "By the arbiter: the stop was asked for a second time."},
  };
}

std::vector<Case> signal_cases() {
  const std::string sent = "Worker (pid:41) was sent ";
  const auto warning = log::Level::Warning;
  return {
      {"Terminated", worker(true), signalled(SIGTERM), Stop::No, log::Level::Info,
       sent + "SIGTERM!"},
      {"TerminatedBySomebody", worker(true), sent_by(signalled(SIGTERM), SIGTERM, 77), Stop::No,
       log::Level::Info, sent + "SIGTERM! By process 77."},
      {"TerminatedAsAsked", worker(false, Leave::Retire), signalled(SIGTERM), Stop::No,
       log::Level::Debug, sent + "SIGTERM!"},
      {"CtrlCReachesAllOfATerminal", worker(false), signalled(SIGINT), Stop::Quick,
       log::Level::Debug, sent + "SIGINT!"},
      {"Crashed", worker(true), signalled(SIGSEGV), Stop::No, warning,
       sent + "SIGSEGV! By a fault of its own, or by another process."},
      {"CrashedAfterAnotherSignal", worker(true), sent_by(signalled(SIGSEGV), SIGTERM, 77),
       Stop::No, warning, sent + "SIGSEGV! By a fault of its own, or by another process."},
      {"Aborted", worker(true), sent_by(signalled(SIGABRT), SIGABRT, 41), Stop::No, warning,
       sent + "SIGABRT! By itself."},
      {"AbortedFromOutside", worker(true), sent_by(signalled(SIGABRT), SIGABRT, 0), Stop::No,
       warning, sent + "SIGABRT! By a process outside of this container."},
      {"ASignalWithoutAName", worker(true), signalled(SIGRTMIN + 3), Stop::No, warning,
       sent + "signal " + std::to_string(SIGRTMIN + 3) + "!"},
  };
}

std::vector<Case> exit_cases() {
  const std::string exited_with = "Worker (pid:41) exited with code ";
  const auto error = log::Level::Error;
  const auto debug = log::Level::Debug;
  return {
      {"AnOrderlyEnd", worker(true), exited(0), Stop::No, debug, exited_with + "0."},
      {"ARetiredOne", worker(true, Leave::Retire), exited(0), Stop::No, debug, exited_with + "0."},
      {"AnEndThatSomebodyAskedFor", worker(true), sent_by(exited(0), SIGTERM, 77), Stop::No,
       log::Level::Info, exited_with + "0, as it was sent SIGTERM. By process 77."},
      {"AnExitInARequest", worker(true), with_a_request(exited(0)), Stop::No, error,
       exited_with +
           "0. By its own doing: os._exit or the like. Its clients could not be answered."},
      {"AnExitCode", worker(true), exited(7), Stop::No, error,
       exited_with + "7. By its own doing: os._exit or the like."},
      {"AnExitCodeInARequest", worker(true), with_a_request(exited(7)), Stop::No, error,
       exited_with +
           "7. By its own doing: os._exit or the like. Its clients could not be answered."},
      {"AnAbortedOneThatObeyed", aborted(), exited(1), Stop::No, error,
       exited_with + "1. Told to by the arbiter: no progress within the timeout."},
      {"AFailedBoot", worker(false), exited(3), Stop::No, error, exited_with + "3."},
      {"AnEarlyEnd", worker(false), exited(0), Stop::No, error,
       exited_with + "0 before it was ready."},
      {"AnEarlyEndThatSomebodyAskedFor", worker(false), sent_by(exited(0), SIGTERM, 77), Stop::No,
       error, exited_with + "0 before it was ready: it was sent SIGTERM. By process 77."},
      {"AnEarlyEndInAStop", worker(false), exited(0), Stop::Quick, debug, exited_with + "0."},
  };
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

class ObituaryTest : public testing::TestWithParam<Case> {};

TEST_P(ObituaryTest, SaysWhoDidIt) {
  const Case& given = GetParam();
  Wanted wanted;
  wanted.stop = given.stop;
  const Obituary said = obituary(given.worker, given.death, wanted, Instant(Seconds(60)));
  EXPECT_EQ(first_line(said.text), given.text);
  EXPECT_EQ(said.level, given.level);
}

constexpr auto kName = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Killed, ObituaryTest, testing::ValuesIn(killed_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Signals, ObituaryTest, testing::ValuesIn(signal_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Exits, ObituaryTest, testing::ValuesIn(exit_cases()), kName);

TEST(Obituary, TellsWhatTheWorkerCostAndWhatItLeft) {
  WorkerRecord dead = worker(true);
  dead.born = Instant(Seconds(10));
  Death death = with_a_request(exited(7));
  rusage used{};
  used.ru_utime = {1, 500'000};
  used.ru_stime = {0, 250'000};
  used.ru_maxrss = 45 * 1024;
  used.ru_majflt = 3;
  death.usage = used;
  const std::string text = obituary(dead, death, Wanted{}, Instant(Millis(22'500))).text;
  EXPECT_EQ(text.substr(text.find('\n')),
            "\n  It lived 12.5 s and used 1.75 s of processor time (1.50 user, 0.25 system), "
            "45 MiB of memory at most, 3 page faults from disk"
            "\n  Unfinished in it: GET / from -, begun 1.0 s ago (running)");
}

class DeadSeat : public testing::Test {
 protected:
  RequestRow& request(unsigned row, std::uint64_t id, Bytes target, Nanos age = Nanos(0)) {
    board_.seat(seat_).engine.request_rows.set(10);
    RequestRow& made = board_.request(seat_, row);
    made.hold(id, {"GET", target, "HTTP/1.1", "10.0.0.1"}, moment_ - age);
    return made;
  }
  std::vector<std::string> owed(const std::string& format) {
    return owed_access_lines(board_, seat_, 4242, log::AccessFormat::compile(format).value(),
                             moment_);
  }

  Scoreboard board_ = Scoreboard::create(4, 3).value();
  const unsigned seat_ = board_.take_seat().value();
  const Instant moment_ = now();
};

TEST_F(DeadSeat, ItsUnfinishedRequestsAreNamedWithTheirAge) {
  request(0, 1, "/done");
  board_.slot(seat_, 0).begin(1, 0, moment_);
  board_.slot(seat_, 0).end();
  board_.request(seat_, 1).hold(2, {"POST", "/a\n[CRITICAL] b", "HTTP/1.1", ""}, moment_);
  board_.slot(seat_, 1).begin(2, 1, moment_ - Millis(2500));
  request(2, 3, "/slow");
  board_.slot(seat_, 2).begin(3, 2, moment_ - Seconds(60));
  board_.slot(seat_, 2).phase(SlotPhase::AwaitingRoom);
  const std::vector<std::string> lines = unfinished_requests(board_, seat_, moment_);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0],
            "Unfinished in it: POST /a\\x0a[CRITICAL] b from -, begun 2.5 s ago (running)");
  EXPECT_TRUE(
      lines[1].starts_with("Unfinished in it: GET /slow from 10.0.0.1, begun 60.0 s ago ("));
}

TEST_F(DeadSeat, OwesALineForEachRequestThatHasNone) {
  request(0, 1, "/waits", Millis(1500));
  RequestRow& told = request(1, 2, "/told");
  board_.log_ring(seat_).append(LogKind::Access, "GET /told\n", &told.line_mark());
  request(2, 3, "/over").free();
  request(3, 4, "/begun").note_reply(200, 17);
  EXPECT_EQ(owed("%(h)s %(p)s \"%(r)s\" %(s)s %(b)s %(M)s %(f)s"),
            (std::vector<std::string>{
                "10.0.0.1 <4242> \"GET /waits HTTP/1.1\" - 0 1500 -\n",
                "10.0.0.1 <4242> \"GET /begun HTTP/1.1\" 200 17 0 -\n",
            }));
}

TEST_F(DeadSeat, TellsPathFromQuery) {
  request(0, 1, "/a%20b?x=1&y=%2F#end");
  request(1, 2, "http://example.org/c?d");
  request(2, 3, "http://example.org");
  request(3, 4, "*");
  request(4, 5, "/?u=http://example.org/");
  EXPECT_EQ(owed("%(U)s %(q)s"), (std::vector<std::string>{"/a b x=1&y=%2F\n", "/c d\n", "/ \n",
                                                           "* \n", "/ u=http://example.org/\n"}));
}

}  // namespace
}  // namespace winghorn::supervisor
