// SPDX-License-Identifier: MIT
#include "core/http/body_pipe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace winghorn {
namespace {

// A read-only file system leaves memory only; so much of it and no more.
constexpr std::uint64_t kMemfdBytes = 16ULL * 1024 * 1024;
constexpr std::size_t kMemoryKept = 64UL * 1024;  // capacity worth keeping for the next request

Fd open_unlinked_in(const std::string& directory) {
  if (directory.empty()) return Fd();
  return Fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

Status write_all(const SpillPlace& place, int fd, Bytes bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t count = place.write(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure("write a request body to its spill file");
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return Nothing{};
}

// What has been read to its end takes no more room on the disk. Not by cutting the file: its owner may be
// writing behind that end just now. Where the file system cannot, it has the room until release().
void give_space_back(int fd, std::uint64_t read) {
  (void)::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(read));
}

}  // namespace

void BodyPipe::reset(const Limits& limits, const SpillPlace& place) {
  limits_ = &limits;
  place_ = &place;
  release();
  received_ = 0;
  spill_limit_ = limits.body_spill_bytes;
  fault_.clear();
  filled_ = false;
  state_.store(BodyState::Open, std::memory_order_release);
}

void BodyPipe::release() {
  memory_.clear();
  if (memory_.capacity() > kMemoryKept) memory_.shrink_to_fit();
  memory_taken_ = 0;
  file_.reset();
  file_size_ = file_taken_ = 0;
}

std::uint64_t BodyPipe::room() const {
  const std::scoped_lock lock(mutex_);
  return room_locked();
}

std::uint64_t BodyPipe::room_locked() const {
  const std::uint64_t in_memory = memory_.size() - memory_taken_;
  // Once bytes lie in the file, later ones must lie behind them. Read to its end, it begins again.
  if (file_size_ > file_taken_) return spill_limit_ - file_size_;
  return limits_->body_memory_bytes - in_memory + spill_limit_;
}

void BodyPipe::expect(std::uint64_t bytes) {
  const std::uint64_t most = std::min<std::uint64_t>(limits_->body_memory_bytes, kMemoryKept);
  const std::scoped_lock lock(mutex_);
  memory_.reserve(static_cast<std::size_t>(std::min(bytes, most)));
}

Status BodyPipe::put(Bytes bytes) {
  const Bytes rest = keep_in_memory(bytes);
  return rest.empty() ? Status(Nothing{}) : spill(rest);
}

// What does not fit there, or has bytes before it that did not, is returned.
Bytes BodyPipe::keep_in_memory(Bytes bytes) {
  const std::scoped_lock lock(mutex_);
  CHECK(bytes.size() <= room_locked());
  if (memory_taken_ > 0 && memory_taken_ == memory_.size()) {
    memory_.clear();
    memory_taken_ = 0;
  }
  if (file_size_ > file_taken_) return bytes;
  file_size_ = file_taken_ = 0;
  const std::size_t in_memory = memory_.size() - memory_taken_;
  const std::size_t fits = std::min(bytes.size(), limits_->body_memory_bytes - in_memory);
  memory_.append(bytes.substr(0, fits));
  received_ += fits;
  filled_ = filled_ || room_locked() == 0;
  return bytes.substr(fits);
}

// The owner alone changes file_ and file_size_, so it may read them without the mutex.
Status BodyPipe::spill(Bytes bytes) {
  if (!file_) {
    if (Status opened = open_file(bytes.size()); !opened) return opened;
  }
  if (Status written = write_all(*place_, file_.get(), bytes, file_size_); !written) return written;
  const std::scoped_lock lock(mutex_);
  file_size_ += bytes.size();
  received_ += bytes.size();
  filled_ = filled_ || room_locked() == 0;
  return Nothing{};
}

// For `least` bytes and more.
Status BodyPipe::open_file(std::uint64_t least) {
  file_ = open_unlinked_in(place_->directory);
  if (!file_) file_ = open_unlinked_in("/tmp");
  if (file_) return Nothing{};
  file_ = Fd(::memfd_create("winghorn-body", MFD_CLOEXEC));
  if (!file_) return failure("make a spill file for a request body");
  const std::scoped_lock lock(mutex_);
  spill_limit_ = std::max(std::min(spill_limit_, kMemfdBytes), least);
  return Nothing{};
}

void BodyPipe::end(BodyState state, std::string fault) {
  const std::scoped_lock lock(mutex_);
  if (state_.load(std::memory_order_relaxed) != BodyState::Open) return;
  fault_ = std::move(fault);
  state_.store(state, std::memory_order_release);
}

void BodyPipe::fill(Bytes memory, Fd file, std::uint64_t in_file) {
  {
    const std::scoped_lock lock(mutex_);
    memory_.assign(memory);
    file_ = std::move(file);
    file_size_ = in_file;
    received_ = memory.size() + in_file;
  }
  end(BodyState::Complete);
}

std::size_t BodyPipe::take(char* into, std::size_t most) {
  const std::scoped_lock only_taker(takers_);
  std::size_t from_memory = 0;
  Stretch in_file;
  {
    const std::scoped_lock lock(mutex_);
    from_memory = std::min(most, memory_.size() - memory_taken_);
    std::memcpy(into, memory_.data() + memory_taken_, from_memory);
    memory_taken_ += from_memory;
    in_file = {file_taken_, file_size_};
  }
  if (from_memory == most || in_file.from == in_file.to) return from_memory;
  return from_memory + take_from_file(into + from_memory, most - from_memory, in_file);
}

std::size_t BodyPipe::take_from_file(char* into, std::size_t most, const Stretch& there) {
  const std::uint64_t from = there.from;
  const std::size_t count = std::min<std::uint64_t>(most, there.to - there.from);
  std::size_t got = 0;
  while (got < count) {
    const ssize_t step =
        place_->read(file_.get(), into + got, count - got, static_cast<off_t>(from + got));
    if (step < 0 && errno == EINTR) continue;
    if (step <= 0) break;
    got += static_cast<std::size_t>(step);
  }
  if (from + got == there.to) give_space_back(file_.get(), from + got);
  const std::scoped_lock lock(mutex_);
  file_taken_ = from + got;
  if (got < count) {
    // The file does not give back what was written to it: nobody may take the rest for a body.
    fault_ = "the spill file of a request body could not be read";
    state_.store(BodyState::NoSpace, std::memory_order_release);
    file_taken_ = file_size_;
  }
  return got;
}

std::uint64_t BodyPipe::available() const {
  const std::scoped_lock lock(mutex_);
  return memory_.size() - memory_taken_ + file_size_ - file_taken_;
}

bool BodyPipe::was_full() {
  const std::scoped_lock lock(mutex_);
  return filled_ && room_locked() > 0 && std::exchange(filled_, false);
}

std::string BodyPipe::fault() const {
  const std::scoped_lock lock(mutex_);
  return fault_;
}

std::uint64_t BodyPipe::received() const {
  const std::scoped_lock lock(mutex_);
  return received_;
}

}  // namespace winghorn
