// SPDX-License-Identifier: MIT
#include "core/log/sink.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "core/log/log_file.h"

namespace winghorn::log {
namespace {

constexpr std::size_t kFileBatch = 64 * 1024;
constexpr std::size_t kLookedAt = 1024 * 1024;  // others may have written meanwhile
constexpr int kFlags = O_CLOEXEC | O_NOCTTY | O_APPEND | O_NONBLOCK;

// As Python shows the exception that gunicorn's message ends with.
std::string as_python_exception(int code) {
  const char* type = "OSError";
  switch (code) {
    case EACCES:
    case EPERM:
      type = "PermissionError";
      break;
    case ENOENT:
      type = "FileNotFoundError";
      break;
    case EISDIR:
      type = "IsADirectoryError";
      break;
    case ENOTDIR:
      type = "NotADirectoryError";
      break;
    default:
      break;
  }
  return fmt::format("{}({}, '{}')", type, code, std::strerror(code));
}

// O_NONBLOCK does nothing to a regular file; without it a fifo that nobody reads would hold up the start.
Fd open_for_appending(const std::string& path, std::optional<uid_t> wary_of) {
  Fd file = open_log_file(path, O_WRONLY | O_NONBLOCK, wary_of);
  // A fifo without a reader: being its reader too, we wait for none and lose lines only when it is full.
  if (!file && errno == ENXIO) return open_log_file(path, O_RDWR | O_NONBLOCK, wary_of);
  return file;
}

std::string text_from(int fd, std::uint64_t place) {
  std::string text(kLookedAt, '\0');
  const ssize_t got = ::pread(fd, text.data(), text.size(), static_cast<off_t>(place));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

bool would_wait(int code) { return code == EAGAIN || code == EWOULDBLOCK; }

}  // namespace

Sink Sink::standard(int descriptor) {
  Sink sink;
  sink.standard_ = descriptor;
  sink.fd_ = descriptor;
  sink.choose_way();
  return sink;
}

Result<Sink> Sink::file(const std::string& path, std::optional<uid_t> wary_of) {
  Sink sink;
  sink.path_ = path;
  sink.wary_of_ = wary_of;
  Status opened = sink.reopen();
  if (!opened) return opened.error();
  return sink;
}

Sink Sink::to(std::shared_ptr<const Receiver> receiver, LogKind kind) {
  Sink sink;
  sink.receiver_ = std::move(receiver);
  sink.kind_ = kind;
  sink.batch_bytes_ = LogRing::kLongestRecord;
  return sink;
}

Sink Sink::inherit() {
  Sink sink;
  sink.receiver_ = receiver_;
  sink.kind_ = kind_;
  sink.owned_ = std::move(owned_);
  sink.fd_ = fd_;
  sink.standard_ = standard_;
  sink.path_ = path_;
  sink.wary_of_ = wary_of_;
  sink.way_ = way_;
  sink.batch_bytes_ = batch_bytes_;
  sink.device_ = device_;
  sink.inode_ = inode_;
  return sink;
}

Status Sink::reopen() {
  if (receiver_ != nullptr) {
    if (kind_ == LogKind::Error) receiver_->reopen();  // both kinds' places are its own
    return Nothing{};
  }
  if (!path_.empty()) {
    Fd file = open_for_appending(path_, wary_of_);
    if (!file) {
      return Failure{
          fmt::format("Error: '{}' isn't writable [{}]", path_, as_python_exception(errno))};
    }
    owned_ = std::move(file);
    fd_ = owned_.get();
  } else if (standard_ >= 0) {
    fd_ = standard_;
    owned_.reset();
  }
  choose_way();
  return Nothing{};
}

void Sink::choose_way() {
  struct stat about{};
  if (::fstat(fd_, &about) != 0) about.st_mode = S_IFREG;  // closed: write() will say so
  device_ = about.st_dev;
  inode_ = about.st_ino;
  mid_line_ = torn_ = false;
  const bool regular = S_ISREG(about.st_mode);
  batch_bytes_ = regular ? kFileBatch : PIPE_BUF;
  way_ = Way::Plain;
  if (regular || !path_.empty()) return;
  if (S_ISSOCK(about.st_mode)) {
    way_ = Way::Socket;
  } else {
    open_again_without_waiting();
  }
}

// A second description of the same pipe or terminal: ours alone, so it may be non-blocking.
void Sink::open_again_without_waiting() {
  const std::string itself = fmt::format("/proc/self/fd/{}", standard_);
  const int fd = ::open(itself.c_str(), O_WRONLY | kFlags);
  if (fd >= 0) {
    owned_.reset(fd);
    fd_ = fd;
  } else {  // another user's pipe, or no /proc
    way_ = Way::NoWait;
  }
}

bool Sink::same_place_as(const Sink& other) const {
  return device_ == other.device_ && inode_ == other.inode_;
}

std::uint64_t Sink::take_lost() { return std::exchange(lost_, 0); }

std::uint64_t Sink::place() const {
  struct stat about{};
  const bool is_file = fd_ >= 0 && batch_bytes_ == kFileBatch && ::fstat(fd_, &about) == 0;
  return is_file ? static_cast<std::uint64_t>(about.st_size) : 0;
}

WrittenPart Sink::written_of(Bytes lines, std::uint64_t place) const {
  if (fd_ < 0 || batch_bytes_ != kFileBatch) return {lines.size()};
  const Fd file(::open(fmt::format("/proc/self/fd/{}", fd_).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {lines.size()};
  return written_part(lines, text_from(file.get(), place), place);
}

bool Sink::write(Bytes lines) {
  if (receiver_ != nullptr) {
    receiver_->take(kind_, lines);
    return true;
  }
  if (fd_ < 0) return true;
  if (!settle()) return false;
  bool failed = false;
  if (torn_) {  // what the failed one before left would swallow our first line
    if (push("\n", failed) == 0) {
      if (failed) lose(lines);
      return failed;
    }
    torn_ = false;
  }
  const std::size_t written = push(lines, failed);
  if (failed) {
    lose(lines.substr(written));
  } else if (written == 0) {
    return lines.empty();
  } else {
    rest_.assign(lines.substr(written));
  }
  return true;
}

bool Sink::settle() {
  if (rest_.empty()) return true;
  bool failed = false;
  const std::size_t written = push(rest_, failed);
  if (failed) {
    lose(Bytes(rest_).substr(written));
    rest_.clear();
  } else {
    rest_.erase(0, written);
  }
  return rest_.empty();
}

// Up to the end, or to where the kernel takes no more. How much it took.
std::size_t Sink::push(Bytes lines, bool& failed) {
  std::size_t done = 0;
  while (done < lines.size()) {
    const ssize_t took = attempt(next_piece(lines.substr(done)));
    if (took > 0) {
      done += static_cast<std::size_t>(took);
      mid_line_ = lines[done - 1] != '\n';
      continue;
    }
    failed = took == 0 || !would_wait(errno);
    break;
  }
  return done;
}

// A pipe takes PIPE_BUF bytes whole or not at all, so pieces that end with a line keep the lines of several
// workers apart.
Bytes Sink::next_piece(Bytes left) const {
  if (left.size() <= batch_bytes_ || batch_bytes_ == kFileBatch) return left;
  const std::size_t end = left.substr(0, batch_bytes_).rfind('\n');
  return left.substr(0, end == Bytes::npos ? batch_bytes_ : end + 1);
}

ssize_t Sink::attempt(Bytes bytes) {
  ssize_t took = -1;
  do {
    switch (way_) {
      case Way::Socket:
        took = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case Way::NoWait:
        took = attempt_no_wait(bytes);
        break;
      case Way::AskFirst:
        if (!wait_for_room(Millis(0))) {
          errno = EAGAIN;
          return -1;
        }
        [[fallthrough]];
      case Way::Plain:
        took = ::write(fd_, bytes.data(), bytes.size());
        break;
    }
  } while (took < 0 && errno == EINTR);
  return took;
}

ssize_t Sink::attempt_no_wait(Bytes bytes) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  const ssize_t took = ::pwritev2(fd_, &piece, 1, -1, RWF_NOWAIT);
  if (took >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)) return took;
  way_ = Way::AskFirst;  // an older kernel
  return attempt(bytes);
}

bool Sink::wait_for_room(Millis patience) const {
  if (receiver_ != nullptr) return true;
  pollfd wanted{fd_, POLLOUT, 0};
  return ::poll(&wanted, 1, static_cast<int>(patience.count())) != 0;
}

void Sink::lose(Bytes lines) {
  torn_ = mid_line_;
  const auto count = std::count(lines.begin(), lines.end(), '\n');
  lost_ += static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(count, 1));
}

}  // namespace winghorn::log
