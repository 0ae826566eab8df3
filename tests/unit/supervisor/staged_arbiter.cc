// SPDX-License-Identifier: MIT
#include "staged_arbiter.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>
#include <system_error>
#include <utility>

#include "core/net/lifeline.h"

namespace winghorn::supervisor {
namespace {

constexpr int kTurnMs = 5;

config::BindAddress loopback(std::uint16_t port) {
  config::BindAddress address;
  address.host = "127.0.0.1";
  address.port = port;
  return address;
}

void leave_an_orphan() {
  const pid_t parent = ::getpid();
  if (::fork() != 0) return;
  // Its parent is about to be killed: then it ends too, as somebody else's child.
  while (::getppid() == parent) ::poll(nullptr, 0, kTurnMs);
  ::_exit(7);
}

int serve(WorkerPlace& place, Stage& stage, bool obeys) {
  SeatRow& row = place.board.seat(place.seat);
  row.watchdog.engine_beat.set(to_word(now()));
  row.engine.request_rows.set(1);
  place.board.request(place.seat, 0).hold(1, {"GET", "/slow?\x1b", "HTTP/1.1", "10.0.0.9"}, now());
  place.board.slot(place.seat, 0).begin(1, 0, now());
  say_ready(place.lifeline.get());
  stage.ports_seen = static_cast<int>(place.listeners.size());
  bool has_orphan = false;
  for (;;) {
    pollfd readable{place.lifeline.get(), POLLIN, 0};
    ::poll(&readable, 1, kTurnMs);
    row.watchdog.engine_beat.set(to_word(now()));
    if (stage.stuck == ::getpid() && row.progress.stuck_since.get() == 0) {
      row.progress.stuck_since.set(to_word(now()));
    }
    if (stage.orphans == ::getpid() && !std::exchange(has_orphan, true)) leave_an_orphan();
    char word = 0;
    const Heard heard = hear(place.lifeline.get(), word);
    if (heard == Heard::End) return 0;
    if (heard != Heard::Word) continue;
    if (word == static_cast<char>(Order::Reopen)) ++stage.reopened;
    if (word == static_cast<char>(Order::Retire)) ++stage.retired;
    if (word == static_cast<char>(Order::Stop)) ++stage.stopped;
    if (word == static_cast<char>(Order::Abort)) {
      ++stage.aborted;
      return 1;
    }
    const bool is_end = word == static_cast<char>(Order::Retire) ||
                        word == static_cast<char>(Order::Stop) ||
                        word == static_cast<char>(Order::Quit);
    if (is_end && obeys) {
      place.board.slot(place.seat, 0).end();
      return 0;
    }
  }
}

int serve_deaf(WorkerPlace& place, Stage& stage) {
  static Stage* seen_by_handler;
  seen_by_handler = &stage;
  ::signal(SIGUSR1, [](int) { ++seen_by_handler->reopened; });
  say_ready(place.lifeline.get());
  place.lifeline.reset();
  for (;;) ::poll(nullptr, 0, -1);
}

int play(WorkerPlace& place, Stage& stage) {
  switch (stage.part.load()) {
    case Part::Serve:
      return serve(place, stage, true);
    case Part::Stubborn:
      ::signal(SIGTERM, SIG_IGN);
      ::signal(SIGINT, SIG_IGN);
      ::signal(SIGQUIT, SIG_IGN);
      return serve(place, stage, false);
    case Part::FailToBoot:
      return kWorkerFailedToBoot;
    case Part::FailToLoad:
      return kAppFailedToLoad;
    case Part::EndAtBoot:
      ::raise(SIGUSR1);
      return 0;
    case Part::Deaf:
      return serve_deaf(place, stage);
    case Part::HangAtBoot:
      ::signal(SIGTERM, SIG_IGN);
      ++stage.hanging;
      for (;;) ::poll(nullptr, 0, -1);
  }
  return 1;
}

}  // namespace

bool comes_true(const std::function<bool()>& condition, int seconds) {
  const Instant end = now() + Seconds(seconds);
  while (!condition()) {
    if (now() > end) return false;
    ::poll(nullptr, 0, kTurnMs);
  }
  return true;
}

StagedArbiter::StagedArbiter(Staging staging)
    : board_(Scoreboard::create(staging.seats, 1).value()) {
  std::string folder = (std::filesystem::temp_directory_path() / "arbiter-XXXXXX").string();
  folder_ = ::mkdtemp(folder.data());
  log_path_ = folder_ + "/log";
  std::filesystem::permissions(folder_, std::filesystem::perms::all);
  void* shared =
      ::mmap(nullptr, sizeof(Stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  stage_ = new (shared) Stage;
  stage_->part = staging.first_part;
  pid_ = ::fork();
  if (pid_ == 0) run(staging);
}

StagedArbiter::~StagedArbiter() {
  std::vector<pid_t> workers;
  if (!has_ended_) {
    // Standing still, it makes no other worker between the look at its children and its end.
    ::kill(pid_, SIGSTOP);
    ::waitpid(pid_, nullptr, WUNTRACED);
    workers = children();
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // Stubborn ones do not go at the end of their lifeline.
  for (const pid_t worker : workers) ::kill(worker, SIGKILL);
  ::munmap(stage_, sizeof(Stage));
  if (testing::Test::HasFailure()) std::fprintf(stderr, "--- the arbiter's log\n%s", log().c_str());
  std::filesystem::remove_all(folder_);
}

void StagedArbiter::run(const Staging& staging) {
  // Should the test die, so does its arbiter, and with it the workers.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!log::open({log_path_, {}}, staging.level)) ::_exit(99);
  if (staging.before_run) staging.before_run();
  ::_exit(run_arbiter(settings(staging), hooks(staging), board_));
}

ArbiterSettings StagedArbiter::settings(const Staging& staging) const {
  ArbiterSettings made;
  made.addresses = staging.addresses;
  if (made.addresses.empty()) made.addresses.push_back(loopback(0));
  made.workers = staging.workers;
  made.timeout = Seconds(staging.timeout);
  made.graceful_timeout = Seconds(staging.graceful_timeout);
  made.log = {log_path_, {}};
  made.log_level = staging.level;
  made.worker_main = [stage = stage_](WorkerPlace& place) { return play(place, *stage); };
  return made;
}

Hooks StagedArbiter::hooks(const Staging& staging) const {
  Hooks made;
  made.reload = [this, staging]() -> Result<ArbiterSettings> {
    if (stage_->reload_fails) return Failure{"the file has a mistake in line 3", 0};
    ArbiterSettings next = settings(staging);
    if (stage_->reload_workers > 0) next.workers = static_cast<unsigned>(stage_->reload_workers);
    next.threads = stage_->reload_threads;
    if (stage_->reload_moves_log) {
      next.log.errors = other_log_path();
      next.log_level = log::Level::Critical;
    }
    if (stage_->reload_breaks_log) next.log.errors = folder_ + "/missing/log";
    if (stage_->reload_drops_first) next.addresses.clear();
    if (stage_->reload_port != 0) next.addresses.push_back(loopback(stage_->reload_port));
    return next;
  };
  made.before_fork = [stage = stage_] {
    if (stage->most_processes == 0) return;
    rlimit limit{};
    ::getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = std::min<rlim_t>(stage->most_processes, limit.rlim_max);
    ::setrlimit(RLIMIT_NPROC, &limit);
  };
  return made;
}

void StagedArbiter::send(int signal) const { ASSERT_EQ(::kill(pid_, signal), 0); }

int StagedArbiter::exit_status() {
  int status = 0;
  if (!comes_true([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) return -1;
  has_ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int StagedArbiter::stop() {
  send(SIGTERM);
  return exit_status();
}

std::vector<pid_t> StagedArbiter::ready() const {
  std::vector<pid_t> pids;
  for (unsigned seat = 0; seat < board_.seats(); ++seat) {
    const SeatRow& row = board_.seat(seat);
    if (row.state() == SeatState::Ready) {
      pids.push_back(static_cast<pid_t>(row.arbiter.pid.get()));
    }
  }
  std::ranges::sort(pids);
  return pids;
}

unsigned StagedArbiter::taken_seats() const {
  unsigned count = 0;
  for (unsigned seat = 0; seat < board_.seats(); ++seat) {
    if (board_.seat(seat).state() != SeatState::Free) ++count;
  }
  return count;
}

bool StagedArbiter::becomes_ready(unsigned count) {
  return comes_true([&] { return ready().size() == count && taken_seats() == count; });
}

bool StagedArbiter::none_left_of(const std::vector<pid_t>& workers) const {
  const std::vector<pid_t> there = children();
  return std::ranges::none_of(workers, [&](pid_t pid) { return std::ranges::count(there, pid); });
}

std::string StagedArbiter::log() const {
  std::ifstream file(log_path_);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool StagedArbiter::logs(const std::string& text) const {
  return comes_true([&] { return log().find(text) != std::string::npos; });
}

int StagedArbiter::count_in_log(const std::string& text) const {
  const std::string all = log();
  int count = 0;
  for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) {
    ++count;
  }
  return count;
}

int StagedArbiter::port() const {
  const std::string before = "http://127.0.0.1:";
  if (!logs(before)) return 0;
  const std::string all = log();
  return std::atoi(all.c_str() + all.find(before) + before.size());
}

std::vector<pid_t> StagedArbiter::children() const {
  std::vector<pid_t> found;
  DIR* folder = ::opendir("/proc");
  while (const dirent* entry = ::readdir(folder)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream rest(line.substr(name_end + 1));
    std::string state;
    pid_t parent = 0;
    rest >> state >> parent;
    if (parent == pid_) found.push_back(pid);
  }
  ::closedir(folder);
  std::ranges::sort(found);
  return found;
}

int StagedArbiter::open_descriptors(pid_t pid) {
  int count = 0;
  DIR* folder = ::opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (folder == nullptr) return -1;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count - 2;
}

bool is_gone(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return true;
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || line.compare(name_end, 3, ") Z") != 0) return false;
  // A dead main thread waits for the others, and they hold the descriptors until they are dead too.
  std::error_code vanished;
  int threads = 0;
  for (std::filesystem::directory_iterator each("/proc/" + std::to_string(pid) + "/task", vanished);
       !vanished && each != std::filesystem::directory_iterator(); each.increment(vanished)) {
    ++threads;
  }
  return vanished || threads <= 1;
}

bool accepts(int port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace winghorn::supervisor
