// SPDX-License-Identifier: MIT
#include "core/log/incident.h"

#include <fmt/format.h>

#include "core/log/escape.h"

namespace winghorn::log {
namespace {

// Beyond it a request that has waited has been computing.
constexpr double kMostlyComputing = 0.5;

double seconds(Nanos nanos) { return std::chrono::duration<double>(nanos).count(); }

void append_what_it_did(std::string& text, const Incident& incident) {
  const std::string wait =
      incident.waits_in.empty() ? "it waits" : fmt::format("it waits in {}", incident.waits_in);
  if (incident.cpu) {
    const Nanos ran = incident.age - incident.queued.value_or(Nanos(0));
    const bool computes = seconds(*incident.cpu) > kMostlyComputing * seconds(ran);
    text += fmt::format("; {:.3f} s of processor time: {}", seconds(*incident.cpu),
                        computes ? "it computes" : wait);
  } else if (!incident.waits_in.empty()) {
    text += "; " + wait;
  }
}

void append_how_it_stood(std::string& text, const Incident& incident) {
  text += "\n  " + incident.phase;
  if (incident.queued) text += fmt::format(", {:.3f} s in the queue", seconds(*incident.queued));
  if (incident.bytes_in) text += fmt::format("; {} bytes in", *incident.bytes_in);
  if (incident.bytes_out) text += fmt::format(", {} bytes out", *incident.bytes_out);
  append_what_it_did(text, incident);
}

}  // namespace

std::string_view name_of(Incident::Kind kind) {
  switch (kind) {
    case Incident::Kind::Deadline:
      return "deadline";
    case Incident::Kind::Slow:
      return "slow";
    case Incident::Kind::AllBusy:
      return "all_busy";
    case Incident::Kind::WorkerTimeout:
      return "worker_timeout";
    case Incident::Kind::WorkerEnd:
      return "worker_end";
    case Incident::Kind::Crash:
      return "crash";
  }
  return {};
}

std::string_view title_of(Incident::Kind kind) {
  switch (kind) {
    case Incident::Kind::Deadline:
      return "Request timed out";
    case Incident::Kind::Slow:
      return "Slow request";
    case Incident::Kind::AllBusy:
      return "Long request";
    case Incident::Kind::WorkerTimeout:
      return "Request of a worker without progress";
    case Incident::Kind::WorkerEnd:
      return "Request of a worker that had to go";
    case Incident::Kind::Crash:
      return "Request of a worker that died";
  }
  return {};
}

std::string thread_name(std::uint64_t thread) { return fmt::format("0x{:016x}", thread); }

std::string text_of(const Incident& incident) {
  std::string text = fmt::format(
      "{}: {} {} from {} after {:.3f} s (request {}", title_of(incident.kind),
      escape(incident.method), escape(incident.target),
      incident.peer.empty() ? "-" : escape(incident.peer), seconds(incident.age), incident.request);
  if (incident.slot) text += fmt::format(", slot {}", *incident.slot);
  if (incident.thread != 0) text += fmt::format(", thread {}", thread_name(incident.thread));
  text += ')';
  append_how_it_stood(text, incident);
  if (!incident.action.empty()) text += "\n  " + incident.action;
  if (!incident.stacks.empty()) {
    text += "\n  Where every thread of the worker stands:\n" + incident.stacks;
  }
  return text;
}

std::string text_of(const StackRecord& stacks) { return stacks.message + ":\n" + stacks.stacks; }

}  // namespace winghorn::log
