// SPDX-License-Identifier: MIT
#include "supervisor/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/net/lifeline.h"
#include "supervisor/call.h"

namespace winghorn::supervisor {
namespace {

// To the arbiter: the import is done, or (with its pid; 0: there could be none) a worker was forked.
struct Word {
  enum class Kind : std::uint32_t { Imported, Forked };
  Kind kind = Kind::Imported;
  pid_t worker = 0;
  int error = 0;  // errno, when there could be none
};

bool say(int end, const Word& word) {
  ssize_t sent = -1;
  do {
    sent = ::send(end, &word, sizeof word, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == sizeof word;
}

std::optional<Word> next_word(int end) {
  Word word;
  ssize_t got = -1;
  do {
    got = ::recv(end, &word, sizeof word, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  return got == sizeof word ? std::optional(word) : std::nullopt;
}

// An order gets its answer without a descriptor free, too; the kernel drops the one that came with it. False: the
// arbiter has let go.
bool refuse(int end) {
  ForkOrder order;
  const ssize_t got = ::recv(end, &order, sizeof order, MSG_DONTWAIT);
  if (got > 0) say(end, {Word::Kind::Forked, 0, EMFILE});
  return got != 0;
}

bool wait_readable(int end, Millis patience) {
  pollfd watched{end, POLLIN, 0};
  int ready = -1;
  do {
    ready = ::poll(&watched, 1, static_cast<int>(patience.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

struct Pipe {
  Fd read_end;
  Fd write_end;

  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
    return true;
  }
  // Until every other end is closed.
  pid_t read_pid() const {
    pid_t pid = 0;
    ssize_t got = -1;
    do {
      got = ::read(read_end.get(), &pid, sizeof pid);
    } while (got < 0 && errno == EINTR);
    return got == sizeof pid ? pid : 0;
  }
};

// The process between the zygote and the worker: the worker returns, it does not.
void fork_again(const Pipe& pipe) {
  const pid_t worker = ::fork();
  if (worker == 0) return;
  if (worker > 0) (void)!::write(pipe.write_end.get(), &worker, sizeof worker);
  ::_exit(worker > 0 ? 0 : errno);
}

void await_adoption(pid_t arbiter) {
  const pid_t between = ::getppid();
  while (::getppid() == between && between != arbiter) ::sched_yield();
}

// In the worker: 0. In the zygote: the worker's pid, or minus errno.
pid_t fork_twice(pid_t arbiter, const ForkHooks& hooks) {
  Pipe pipe;
  if (!pipe.open()) return -errno;
  call(hooks.before_fork);
  const pid_t between = ::fork();
  const int refused = errno;
  if (between == 0) {
    fork_again(pipe);
    await_adoption(arbiter);
    call(hooks.after_fork_child);
    return 0;
  }
  pipe.write_end.reset();
  const int status = between > 0 ? wait_for(between) : 0;
  const pid_t worker = between > 0 ? pipe.read_pid() : 0;
  call(hooks.after_fork_parent);
  if (worker > 0) return worker;
  if (between < 0) return -refused;
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? -WEXITSTATUS(status) : -EAGAIN;
}

}  // namespace

Zygote::Zygote(Zygote&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      end_(std::move(other.end_)),
      born_(other.born_),
      ready_(other.ready_) {}

// It serves nobody and keeps nothing: there is nothing that it could finish.
void Zygote::kill() const {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

void Zygote::finish() {
  if (pid_ <= 0) return;
  kill();
  wait_for(std::exchange(pid_, 0));
}

void Zygote::hear() {
  while (const auto word = next_word(fd())) {
    if (word->kind == Word::Kind::Imported) ready_ = true;
  }
}

Result<pid_t> Zygote::fork(const ForkOrder& order, int lifeline, Millis patience) {
  ForkOrder said = order;
  std::array<iovec, 1> bytes{iovec{&said, sizeof said}};
  const std::array<int, 1> descriptors{lifeline};
  if (!end_.send(bytes, descriptors)) {
    const int refused = errno;
    if (refused == EPIPE || refused == ECONNRESET) kill();
    return Failure{"ask the zygote for a worker", refused};
  }
  const Instant until = now() + patience;
  for (Millis left = patience; left > Millis(0); left = std::chrono::ceil<Millis>(until - now())) {
    if (!wait_readable(fd(), left)) break;
    const auto word = next_word(fd());
    if (!word) {
      kill();
      return Failure{"the zygote has ended", 0};
    }
    if (word->kind != Word::Kind::Forked) continue;
    if (word->worker <= 0) return Failure{"fork", word->error};
    return word->worker;
  }
  kill();
  return Failure{"the zygote does not answer", 0};
}

bool say_imported(int end) { return say(end, {Word::Kind::Imported}); }

std::optional<Assignment> serve_forks(Fd end, pid_t arbiter, std::uint32_t rotations,
                                      const ForkHooks& hooks) {
  FdChannel orders{Fd(), std::move(end)};
  FdChannel::Message message;
  for (;;) {
    call(hooks.before_wait);
    const bool is_readable = wait_readable(orders.receiving_end(), Millis(-1));
    call(hooks.after_wait);
    if (!is_readable) continue;
    const FdChannel::Received received = orders.receive(message);
    if (received == FdChannel::Received::OutOfResource) {
      if (!refuse(orders.receiving_end())) return std::nullopt;
      continue;
    }
    if (received == FdChannel::Received::Lost) {
      say(orders.receiving_end(), {Word::Kind::Forked, 0, EMFILE});
    }
    if (received != FdChannel::Received::Message) continue;
    if (message.bytes.empty()) return std::nullopt;  // the arbiter has let go
    Assignment assignment;
    if (message.bytes.size() != sizeof assignment.order) continue;
    std::memcpy(&assignment.order, message.bytes.data(), sizeof assignment.order);
    assignment.lifeline = std::move(message.descriptors[0]);
    const std::uint32_t before = std::exchange(rotations, assignment.order.rotations);
    if (before != rotations) call(hooks.reopen_logs);
    call(hooks.about_to_fork, static_cast<unsigned>(assignment.order.age));
    const pid_t worker = fork_twice(arbiter, hooks);
    if (worker == 0) return assignment;
    say(orders.receiving_end(),
        {Word::Kind::Forked, std::max(worker, 0), worker < 0 ? -worker : 0});
  }
}

bool await_begin(int lifeline) {
  char word = 0;
  return wait_readable(lifeline, Millis(-1)) && winghorn::hear(lifeline, word) == Heard::Word &&
         word == static_cast<char>(Order::Begin);
}

}  // namespace winghorn::supervisor
