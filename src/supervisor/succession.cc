// SPDX-License-Identifier: MIT
#include "supervisor/succession.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "core/base/number_text.h"

namespace winghorn::supervisor {
namespace {

constexpr const char* kElder = "GUNICORN_PID";
constexpr const char* kDescriptors = "GUNICORN_FD";
constexpr const char* kListeners = "WINGHORN_LISTENERS";
constexpr const char* kWatchdogPid = "WATCHDOG_PID";

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

std::vector<int> numbers_in(std::string_view text) {
  std::vector<int> numbers;
  while (!text.empty()) {
    const std::size_t end = text.find(',');
    if (const auto number = number_from<int>(text.substr(0, end))) numbers.push_back(*number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return numbers;
}

std::string numbers_of(const std::vector<Listener>& listeners) {
  std::string text;
  for (const Listener& listener : listeners) {
    if (!text.empty()) text += ',';
    text += std::to_string(listener.fd());
  }
  return text;
}

Fd descriptor_of(pid_t process) {
#ifdef SYS_pidfd_open
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
#else
  return {};
#endif
}

}  // namespace

Variables heir_variables(const std::vector<Listener>& listeners, std::size_t from_systemd,
                         pid_t elder) {
  Variables variables{{kElder, std::to_string(elder)},
                      {kDescriptors, numbers_of(listeners)},
                      {kListeners, heritage_text(listeners)}};
  const std::string own = std::to_string(::getpid());
  if (from_systemd > 0) {
    variables.emplace_back("LISTEN_PID", own);
    variables.emplace_back("LISTEN_FDS", std::to_string(from_systemd));
  }
  // The watchdog that was meant for the elder is meant for whoever takes its place.
  if (number_from<pid_t>(variable(kWatchdogPid)) == elder) {
    variables.emplace_back(kWatchdogPid, own);
  }
  return variables;
}

Succession Succession::from_environment() {
  Succession found;
  // Whose parent is another is nobody's heir, or its elder has ended already.
  const auto elder = number_from<pid_t>(variable(kElder));
  if (elder && *elder == ::getppid()) {
    found.elder_ = *elder;
    found.elder_fd_ = descriptor_of(*elder);
  }
  if (elder) {
    const char* const listeners = std::getenv(kListeners);
    if (listeners != nullptr) {
      found.heirlooms_ = Heirlooms::from(listeners);
    } else {
      found.descriptors_ = numbers_in(variable(kDescriptors));
    }
  }
  for (const char* name : {kElder, kDescriptors, kListeners}) ::unsetenv(name);
  return found;
}

bool Succession::has_living_heir() const {
  siginfo_t ended{};
  return heir_ != 0 &&
         (::waitid(P_PID, static_cast<id_t>(heir_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
          ended.si_pid == 0);
}

bool Succession::other_lives() const {
  return has_living_heir() || (elder_ != 0 && ::getppid() == elder_);
}

bool Succession::note_gone(pid_t pid) {
  if (heir_ == 0 || pid != heir_) return false;
  heir_ = 0;
  return true;
}

std::optional<pid_t> Succession::note_promotion() {
  if (elder_ == 0 || ::getppid() == elder_) return std::nullopt;
  elder_fd_.reset();
  return std::exchange(elder_, 0);
}

}  // namespace winghorn::supervisor
