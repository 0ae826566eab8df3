// SPDX-License-Identifier: MIT
#include "python/module/stack_dump.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/log/log_line.h"
#include "python/gil/knock.h"
#include "python/gil/ref.h"
#include "supervisor/snapshot_child.h"

namespace winghorn {
namespace {

constexpr Millis kPatience{400};
// A hundred threads of a hundred frames each, which is where faulthandler ends, seldom take as much. The
// main thread stands last.
constexpr std::size_t kMostBytes = 2048UL * 1024;

// Not one that the application is likely to use: the C library keeps the first few for itself.
int dump_signal() { return SIGRTMAX - 2; }

StackDump* answering = nullptr;  // with the lock

// Faulthandler's handler for our signal writes the stacks into our pipe.
void raise_dump_signal() {
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, dump_signal());
  sigprocmask(SIG_UNBLOCK, &ours, nullptr);
  // By system call: in the copy the C library still believes in its parent's ids.
  const auto process = static_cast<int>(::syscall(SYS_getpid));
  const auto thread = static_cast<int>(::syscall(SYS_gettid));
  ::syscall(SYS_tgkill, process, thread, dump_signal());
}

}  // namespace

bool StackDump::prepare(const gil::Gil& gil) {
  if (!gil::install_knock(gil)) return false;
  file_ = Fd(::memfd_create("winghorn-stacks", MFD_CLOEXEC));
  if (!file_) {
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  answering = this;
  gil::on_knock(gil, take_with_lock);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    PyErr_SetFromErrno(PyExc_OSError);
    return false;
  }
  read_end_ = Fd(ends[0]);
  write_end_ = Fd(ends[1]);
  // Only our end: the child's dump may be longer than a pipe holds, and then it waits for us.
  ::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
  const gil::Ref module = gil::Ref::steal(PyImport_ImportModule("faulthandler"));
  if (!module) return false;
  const gil::Ref done = gil::Ref::steal(PyObject_CallMethod(
      module.get(), "register", "iiO", dump_signal(), write_end_.get(), Py_True));
  return static_cast<bool>(done);
}

StackDump::~StackDump() {
  if (answering == this) answering = nullptr;
}

void StackDump::ask() {
  taken_.store(false, std::memory_order_relaxed);
  wanted_.store(true, std::memory_order_release);
  gil::knock();
}

std::optional<std::string> StackDump::asked() {
  if (!taken_.load(std::memory_order_acquire)) return std::nullopt;
  return read_file();
}

// An errand of a knock: what goes wrong here must not disturb the application.
bool StackDump::take_with_lock(const gil::Gil&) {
  if (answering == nullptr || !answering->wanted_.exchange(false, std::memory_order_acq_rel)) {
    return true;
  }
  const int file = answering->file_.get();
  if (::ftruncate(file, 0) != 0 || ::lseek(file, 0, SEEK_SET) != 0) return true;
  const gil::Ref module = gil::Ref::steal(PyImport_ImportModule("faulthandler"));
  const gil::Ref done = module ? gil::Ref::steal(PyObject_CallMethod(module.get(), "dump_traceback",
                                                                     "iO", file, Py_True))
                               : gil::Ref();
  if (!done) PyErr_Clear();
  answering->taken_.store(static_cast<bool>(done), std::memory_order_release);
  return true;
}

std::string StackDump::read_file() const {
  std::string text(kMostBytes, '\0');
  const ssize_t count = ::pread(file_.get(), text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string StackDump::take() {
  if (!write_end_) return {};
  supervisor::Snapshot snapshot =
      supervisor::read_from_snapshot(read_end_.get(), raise_dump_signal, kPatience);
  if (!snapshot.whole) log::error("The snapshot of the stacks is incomplete");
  while (!snapshot.text.empty() && snapshot.text.back() == '\n') snapshot.text.pop_back();
  log::leave_out_lines(snapshot.text, kMostBytes);
  return std::move(snapshot.text);
}

}  // namespace winghorn
