// SPDX-License-Identifier: MIT
#include "supervisor/obituary.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>

#include "core/base/signal_name.h"
#include "core/log/escape.h"
#include "supervisor/worker_place.h"

namespace winghorn::supervisor {
namespace {

double seconds(Nanos time) { return std::chrono::duration<double>(time).count(); }

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::string_view killers_reason(KillReason reason, OomVerdict memory) {
  switch (reason) {
    case KillReason::None:
      break;
    case KillReason::Timeout:
      return "By the arbiter: no progress within the timeout, and SIGABRT did not end it.";
    case KillReason::GracefulTimeout:
      return "By the arbiter: asked to leave, it was still there after graceful_timeout.";
    case KillReason::QuickStop:
      return "By the arbiter: the stop was asked for a second time.";
  }
  switch (memory) {
    case OomVerdict::NotKnown:
      return "Perhaps out of memory? Not by the arbiter: by the kernel or another process.";
    case OomVerdict::DidNotKill:
      return "Not by the arbiter, nor by the kernel for want of memory: by another process.";
    case OomVerdict::Killed:
      return "By the kernel: out of memory (it has counted an oom_kill in this control group).";
  }
  return "";
}

std::string sender_of(const WorkerRecord& worker, int signal, const Death& death) {
  if (death.sender && death.sender->signal == signal) {
    const auto pid = static_cast<pid_t>(death.sender->pid);
    if (pid == worker.pid) return " By itself.";
    // So the kernel calls whom this process may not see.
    if (pid == 0) return " By a process outside of this container.";
    return fmt::format(" By process {}.", pid);
  }
  const bool is_fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE ||
                        signal == SIGILL || signal == SIGABRT;
  return is_fault ? " By a fault of its own, or by another process." : "";
}

// Ctrl-C in a terminal goes to the whole process group, and a worker that still imports is asked by
// SIGTERM: both are what was wanted.
bool is_expected(const WorkerRecord& worker, int signal, const Wanted& wanted) {
  const bool is_leaving = worker.leaving != Leave::No || wanted.stop != Stop::No;
  return is_leaving && (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT);
}

Obituary of_signal(const WorkerRecord& worker, const Death& death, const Wanted& wanted) {
  const int signal = death.ending.number;
  std::string text = fmt::format("Worker (pid:{}) was sent {}!", worker.pid, signal_name(signal));
  if (signal == SIGKILL) {
    text += fmt::format(" {}", killers_reason(worker.killed, death.memory));
    return {log::Level::Error, std::move(text)};
  }
  text += sender_of(worker, signal, death);
  if (is_expected(worker, signal, wanted)) return {log::Level::Debug, std::move(text)};
  return {signal == SIGTERM ? log::Level::Info : log::Level::Warning, std::move(text)};
}

// Nobody is left who could answer: the kernel has closed its connections.
std::string_view own_doing(const Death& death) {
  return death.unfinished.empty()
             ? "By its own doing: os._exit or the like."
             : "By its own doing: os._exit or the like. Its clients could not be answered.";
}

Obituary of_exit(const WorkerRecord& worker, const Death& death, const Wanted& wanted) {
  const int code = death.ending.number;
  std::string text = fmt::format("Worker (pid:{}) exited with code {}", worker.pid, code);
  const bool is_unasked = worker.leaving == Leave::No && wanted.stop == Stop::No;
  if (worker.is_booting() && is_unasked && death.sender) {
    text +=
        fmt::format(" before it was ready: it was sent {}.{}", signal_name(death.sender->signal),
                    sender_of(worker, death.sender->signal, death));
    return {log::Level::Error, std::move(text)};
  }
  if (worker.is_booting()) {
    const bool is_wanted = code == 0 && !is_unasked;
    text += code == 0 && is_unasked ? " before it was ready." : ".";
    return {is_wanted ? log::Level::Debug : log::Level::Error, std::move(text)};
  }
  if (worker.aborted_at) {
    text += ". Told to by the arbiter: no progress within the timeout.";
    return {log::Level::Error, std::move(text)};
  }
  if (code == 0 && is_unasked && death.sender) {
    text += fmt::format(", as it was sent {}.{}", signal_name(death.sender->signal),
                        sender_of(worker, death.sender->signal, death));
    return {log::Level::Info, std::move(text)};
  }
  if (code == 0 && (!is_unasked || death.unfinished.empty())) {
    return {log::Level::Debug, text + '.'};
  }
  return {log::Level::Error, fmt::format("{}. {}", text, own_doing(death))};
}

std::string cost_of(const WorkerRecord& worker, const Death& death, Instant now) {
  std::string text = fmt::format("It lived {:.1f} s", seconds(now - worker.born));
  if (death.usage) {
    const rusage& used = *death.usage;
    text += fmt::format(
        " and used {:.2f} s of processor time ({:.2f} user, {:.2f} system), "
        "{} MiB of memory at most, {} page faults from disk",
        seconds(used.ru_utime) + seconds(used.ru_stime), seconds(used.ru_utime),
        seconds(used.ru_stime), used.ru_maxrss / 1024, used.ru_majflt);
  }
  return text;
}

// Without scheme and authority, query and fragment; `query` is set.
Bytes path_of(Bytes target, Bytes& query) {
  target = target.substr(0, target.find('#'));
  if (const std::size_t mark = target.find('?'); mark != Bytes::npos) {
    query = target.substr(mark + 1);
    target = target.substr(0, mark);
  }
  if (const std::size_t scheme = target.find("://"); scheme != Bytes::npos && target[0] != '/') {
    const std::size_t path = target.find('/', scheme + 3);
    target = path == Bytes::npos ? Bytes("/") : target.substr(path);
  }
  return target;
}

// What is not in the row is what an application or a client may have said, and is not known here.
void append_line(std::string& line, const RequestSnapshot& request, pid_t pid,
                 const log::AccessFormat& format, Instant now) {
  log::AccessRecord record;
  record.peer = request.peer;
  record.method = request.method;
  record.target = request.target;
  record.path = path_of(request.target, record.query);
  record.version = request.version;
  record.status = request.reply_status;
  record.body_bytes = request.reply_bytes;
  record.took = std::max(now - request.since, Nanos(0));
  record.pid = pid;
  format.format(record, line);
}

}  // namespace

Obituary obituary(const WorkerRecord& worker, const Death& death, const Wanted& wanted,
                  Instant now) {
  Obituary made =
      death.ending.by_signal ? of_signal(worker, death, wanted) : of_exit(worker, death, wanted);
  made.text += "\n  " + cost_of(worker, death, now);
  for (const std::string& request : death.unfinished) made.text += "\n  " + request;
  return made;
}

std::vector<std::string> unfinished_requests(const Scoreboard& board, unsigned seat, Instant now) {
  std::vector<std::string> lines;
  for (unsigned slot = 0; slot < board.slots_per_seat(); ++slot) {
    const SlotSnapshot shown = board.read_dead_slot(seat, slot);
    if (!shown.busy()) continue;
    const RequestSnapshot& request = shown.request;
    lines.push_back(fmt::format("Unfinished in it: {} {} from {}, begun {:.1f} s ago ({})",
                                log::escape(request.method), log::escape(request.target),
                                request.peer.empty() ? "-" : log::escape(request.peer),
                                seconds(now - shown.started), name_of(shown.phase)));
  }
  return lines;
}

std::vector<std::string> owed_access_lines(const Scoreboard& board, unsigned seat, pid_t pid,
                                           const log::AccessFormat& format, Instant now) {
  std::vector<std::string> lines;
  for (unsigned index = 0; index < board.used_request_rows(seat); ++index) {
    const RequestRow& row = board.request(seat, index);
    if (!row.is_line_owed(board.log_ring(seat))) continue;
    if (const auto request = row.read_dead())
      append_line(lines.emplace_back(), *request, pid, format, now);
  }
  return lines;
}

}  // namespace winghorn::supervisor
