// SPDX-License-Identifier: MIT
#include "supervisor/zygote.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/net/lifeline.h"

namespace winghorn::supervisor {
namespace {

constexpr Millis kPatience{20'000};

// What a worker of these tests says over its lifeline, a byte each, before it leaves with its seat as code.
constexpr char kAdopted = 'a';

class ZygoteTest : public testing::Test {
 protected:
  ZygoteTest() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~ZygoteTest() override { ::prctl(PR_SET_CHILD_SUBREAPER, 0); }

  // `before`: in the zygote, instead of an import; what it returns is the zygote's end unless it is 0.
  static Zygote start(const std::function<int()>& before, const ForkHooks& hooks = {}) {
    Lifeline line = std::move(make_lifeline()).value();
    const pid_t self = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
      line.arbiter_end.reset();
      run(std::move(line.worker_end), self, before, hooks);
    }
    return {pid, std::move(line.arbiter_end), now()};
  }

  [[noreturn]] static void run(Fd line, pid_t arbiter, const std::function<int()>& before,
                               const ForkHooks& hooks) {
    const int code = before();
    if (code != 0 || !say_imported(line.get())) ::_exit(code);
    const auto mine = serve_forks(std::move(line), arbiter, 0, hooks);
    if (!mine) ::_exit(0);
    const char word = ::getppid() == arbiter ? kAdopted : '?';
    (void)!::write(mine->lifeline.get(), &word, 1);
    ::_exit(static_cast<int>(mine->order.seat));
  }

  static bool wait_readable(int fd) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, static_cast<int>(kPatience.count())) == 1;
  }

  static void await_import(Zygote& zygote) {
    ASSERT_TRUE(wait_readable(zygote.fd()));
    zygote.hear();
    ASSERT_TRUE(zygote.is_ready());
  }

  static int exit_code_of(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
};

TEST_F(ZygoteTest, ForksWorkersThatTheArbiterAdopts) {
  Zygote zygote = start([] { return 0; });
  EXPECT_FALSE(zygote.is_ready());
  await_import(zygote);
  for (const unsigned seat : {3U, 4U}) {
    const Lifeline line = std::move(make_lifeline()).value();
    const Result<pid_t> worker = zygote.fork({seat, 1, 1}, line.worker_end.get(), kPatience);
    ASSERT_TRUE(worker) << worker.error().text();
    char word = 0;
    ASSERT_TRUE(wait_readable(line.arbiter_end.get()));
    EXPECT_EQ(hear(line.arbiter_end.get(), word), Heard::Word);
    EXPECT_EQ(word, kAdopted);
    EXPECT_EQ(exit_code_of(worker.value()), static_cast<int>(seat));
  }
}

TEST_F(ZygoteTest, CallsItsHooksAroundEachFork) {
  std::array<int, 2> said{};
  ASSERT_EQ(::pipe2(said.data(), O_CLOEXEC), 0);
  const auto say = [end = said[1]](const std::string& word) {
    (void)!::write(end, word.data(), word.size());
  };
  ForkHooks hooks;
  hooks.before_wait = [&] { say("w"); };
  hooks.after_wait = [&] { say("W"); };
  hooks.about_to_fork = [&](unsigned age) { say("[" + std::to_string(age)); };
  hooks.before_fork = [&] { say("f"); };
  hooks.after_fork_parent = [&] { say("p"); };
  hooks.after_fork_child = [&] { say("c"); };
  {
    Zygote zygote = start([] { return 0; }, hooks);
    await_import(zygote);
    const Lifeline line = std::move(make_lifeline()).value();
    const Result<pid_t> worker = zygote.fork({1, 1, 7}, line.worker_end.get(), kPatience);
    ASSERT_TRUE(worker);
    EXPECT_EQ(exit_code_of(worker.value()), 1);
  }
  ::close(said[1]);
  std::string text(64, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(said[0], text.data(), 64), 0)));
  ::close(said[0]);
  std::erase(text, 'c');  // in another process, any time
  EXPECT_EQ(text.substr(0, 6), "wW[7fp");
}

TEST_F(ZygoteTest, OpensItsLogsAgainOnceTheyWereMoved) {
  std::array<int, 2> said{};
  ASSERT_EQ(::pipe2(said.data(), O_CLOEXEC | O_NONBLOCK), 0);
  ForkHooks hooks;
  hooks.reopen_logs = [end = said[1]] { (void)!::write(end, "r", 1); };
  hooks.about_to_fork = [end = said[1]](unsigned) { (void)!::write(end, "f", 1); };
  {
    Zygote zygote = start([] { return 0; }, hooks);
    await_import(zygote);
    for (const unsigned rotations : {0U, 2U, 2U}) {
      const Lifeline line = std::move(make_lifeline()).value();
      const auto worker = zygote.fork({1, 1, 1, rotations}, line.worker_end.get(), kPatience);
      ASSERT_TRUE(worker);
      EXPECT_EQ(exit_code_of(worker.value()), 1);
    }
  }
  std::array<char, 8> text{};
  EXPECT_EQ(::read(said[0], text.data(), text.size()), 4);
  EXPECT_STREQ(text.data(), "frff");
  ::close(said[0]);
  ::close(said[1]);
}

TEST_F(ZygoteTest, AWorkerBeginsWhenTheArbiterKnowsOfIt) {
  Lifeline known = std::move(make_lifeline()).value();
  say_order(known.arbiter_end.get(), Order::Begin);
  EXPECT_TRUE(await_begin(known.worker_end.get()));
  Lifeline given_up = std::move(make_lifeline()).value();
  given_up.arbiter_end.reset();
  EXPECT_FALSE(await_begin(given_up.worker_end.get()));
}

TEST_F(ZygoteTest, OneThatDoesNotImportIsNeverReady) {
  Zygote zygote = start([] { return 3; });
  EXPECT_EQ(exit_code_of(zygote.pid()), 3);
  zygote.hear();
  EXPECT_FALSE(zygote.is_ready());
  zygote.forget();
}

TEST_F(ZygoteTest, OneThatCannotForkNowMayDoSoLater) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  ForkHooks hooks;
  hooks.about_to_fork = [limit](unsigned age) {
    const rlimit narrow{3, limit.rlim_max};
    if (age == 1) ::setrlimit(RLIMIT_NOFILE, &narrow);
  };
  Zygote zygote = start([] { return 0; }, hooks);
  await_import(zygote);
  const Lifeline line = std::move(make_lifeline()).value();
  // The first has no pipe to fork with, the second not even a place for its lifeline.
  for (const std::uint32_t age : {1U, 2U}) {
    const Result<pid_t> refused = zygote.fork({1, 1, age}, line.worker_end.get(), kPatience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, EMFILE);
  }
  ASSERT_EQ(::prlimit(zygote.pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  const Result<pid_t> worker = zygote.fork({1, 1, 3}, line.worker_end.get(), kPatience);
  ASSERT_TRUE(worker);
  EXPECT_EQ(exit_code_of(worker.value()), 1);
}

TEST_F(ZygoteTest, OneThatHasEndedForksNobody) {
  Zygote zygote = start([] { return 0; });
  await_import(zygote);
  ::kill(zygote.pid(), SIGKILL);
  EXPECT_EQ(exit_code_of(zygote.pid()), -SIGKILL);
  zygote.forget();
  const Lifeline line = std::move(make_lifeline()).value();
  EXPECT_FALSE(zygote.fork({1, 1, 1}, line.worker_end.get(), kPatience));
}

TEST_F(ZygoteTest, OneThatIsStoppedIsNotWaitedForForever) {
  Zygote zygote = start([] { return 0; });
  await_import(zygote);
  ::kill(zygote.pid(), SIGSTOP);
  const Lifeline line = std::move(make_lifeline()).value();
  const Result<pid_t> worker = zygote.fork({1, 1, 1}, line.worker_end.get(), Millis(50));
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().text(), "the zygote does not answer");
}

TEST_F(ZygoteTest, LetGoOfItEnds) {
  pid_t pid = 0;
  {
    const Zygote zygote = start([] { return 0; });
    pid = zygote.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace winghorn::supervisor
