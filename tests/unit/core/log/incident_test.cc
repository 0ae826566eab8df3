// SPDX-License-Identifier: MIT
#include "core/log/incident.h"

#include <gtest/gtest.h>

namespace winghorn::log {
namespace {

Incident deadline() {
  Incident incident;
  incident.request = 42;
  incident.method = "GET";
  incident.target = "/reports/1?full=\x1b[2J";
  incident.peer = "10.0.0.7";
  incident.phase = "running";
  incident.age = Millis(5002);
  incident.queued = Millis(250);
  incident.bytes_in = 120;
  incident.bytes_out = 0;
  incident.cpu = Millis(3);
  incident.slot = 1;
  incident.thread = 0x7f0012345678;
  incident.waits_in = "recvfrom";
  incident.action = "answered 504";
  incident.stacks =
      "Thread 0x00007f0012345678 (most recent call first):\n  File \"app.py\", line 7 in view";
  return incident;
}

TEST(Incident, SaysWhatHappenedToWhichRequestAndHowItStood) {
  EXPECT_EQ(
      text_of(deadline()),
      "Request timed out: GET /reports/1?full=\\x1b[2J from 10.0.0.7 after 5.002 s (request 42, "
      "slot "
      "1, thread 0x00007f0012345678)\n"
      "  running, 0.250 s in the queue; 120 bytes in, 0 bytes out; 0.003 s of processor time: it "
      "waits in recvfrom\n"
      "  answered 504\n"
      "  Where every thread of the worker stands:\n"
      "Thread 0x00007f0012345678 (most recent call first):\n"
      "  File \"app.py\", line 7 in view");
}

TEST(Incident, LeavesOutWhatIsNotKnown) {
  Incident incident;
  incident.kind = Incident::Kind::Slow;
  incident.request = 7;
  incident.method = "GET";
  incident.target = "/";
  incident.phase = "queued";
  incident.age = Millis(1500);
  EXPECT_EQ(text_of(incident), "Slow request: GET / from - after 1.500 s (request 7)\n  queued");
}

TEST(Incident, TellsComputingFromWaiting) {
  Incident incident = deadline();
  incident.cpu = Millis(4700);
  EXPECT_NE(text_of(incident).find("it computes\n"), std::string::npos);
  incident.cpu.reset();
  EXPECT_NE(text_of(incident).find("; it waits in recvfrom\n"), std::string::npos);
  incident.waits_in.clear();
  EXPECT_EQ(text_of(incident).find("it waits"), std::string::npos);
}

TEST(Incident, StacksOfAWorkerFollowTheirMessage) {
  EXPECT_EQ(text_of(StackRecord{Incident::Kind::WorkerTimeout, "Where they stand", "one\ntwo"}),
            "Where they stand:\none\ntwo");
}

}  // namespace
}  // namespace winghorn::log
