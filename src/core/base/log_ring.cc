// SPDX-License-Identifier: MIT
#include "core/base/log_ring.h"

#include <algorithm>
#include <cstring>

namespace winghorn {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Every record begins with one, on a multiple of eight; so whatever is left before the ring's end has
// room for at least a header.
struct Header {
  std::uint32_t size;  // of the text, or of everything up to the ring's end (kGap)
  std::uint16_t kind;  // a LogKind, or kGap
  std::uint16_t done;
};
static_assert(sizeof(Header) == 8);
constexpr std::uint16_t kGap = 0x6170;

constexpr std::size_t rounded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

std::uint64_t lines_in(Bytes text) {
  return static_cast<std::uint64_t>(
      std::max<std::ptrdiff_t>(1, std::count(text.begin(), text.end(), '\n')));
}

void add(std::atomic<std::uint64_t>& word, std::uint64_t more) {
  word.store(word.load(kRelaxed) + more, kRelaxed);
}

}  // namespace

bool RingMark::is_settled_in(const LogRing& ring) const {
  const std::uint64_t word = word_.load(kRelaxed);
  return word != 0 && word - 1 <= ring.end_position();
}

bool LogRing::append(LogKind kind, Bytes record, RingMark* mark) {
  const std::uint64_t head = head_.load(kRelaxed);
  const std::uint64_t taken = head - tail_.load(std::memory_order_acquire);
  const std::size_t at = head % kCapacity;
  const std::size_t need = sizeof(Header) + rounded(record.size());
  // A record is never split, so that the consumer can hand it to write(2) as it lies.
  const std::size_t gap = at + need > kCapacity ? kCapacity - at : 0;
  const std::size_t limit = kind == LogKind::Access ? kCapacity - kErrorReserve : kCapacity;
  if (record.size() > kLongestRecord || taken > kCapacity || taken + gap + need > limit) {
    add(refused_, lines_in(record));
    // Killed before this, the line is counted as lost and will be written all the same.
    if (mark != nullptr) mark->set(head);
    return false;
  }
  if (gap > 0) {
    const Header header{static_cast<std::uint32_t>(gap - sizeof(Header)), kGap, 1};
    std::memcpy(data_ + at, &header, sizeof header);
  }
  char* place = data_ + (head + gap) % kCapacity;
  const Header header{static_cast<std::uint32_t>(record.size()), static_cast<std::uint16_t>(kind),
                      0};
  std::memcpy(place, &header, sizeof header);
  std::memcpy(place + sizeof header, record.data(), record.size());
  if (mark != nullptr) mark->set(head + gap + need);
  head_.store(head + gap + need, std::memory_order_release);
  return true;
}

std::size_t LogRing::used() const {
  const std::uint64_t tail = tail_.load(std::memory_order_acquire);
  return static_cast<std::size_t>(head_.load(std::memory_order_acquire) - tail);
}

std::uint64_t LogRing::unreported() const {
  return refused_.load(kRelaxed) + lost_.load(kRelaxed) - reported_.load(kRelaxed);
}

std::uint64_t LogRing::begin_position() const { return tail_.load(kRelaxed); }

std::uint64_t LogRing::end_position() const { return head_.load(std::memory_order_acquire); }

std::optional<LogRing::Record> LogRing::record_at(std::uint64_t position, std::uint64_t end) const {
  const std::uint64_t left = end - position;
  const std::size_t at = position % kCapacity;
  if (left > kCapacity || left < sizeof(Header) || at % sizeof(Header) != 0) return std::nullopt;
  Header header;
  std::memcpy(&header, data_ + at, sizeof header);
  const std::size_t whole = sizeof header + rounded(header.size);
  if (whole > left || at + whole > kCapacity) return std::nullopt;
  const bool gap = header.kind == kGap;
  const auto kind = gap ? LogKind::Error : static_cast<LogKind>(header.kind);
  if (kind != LogKind::Error && kind != LogKind::Access) return std::nullopt;
  return Record{kind, gap || header.done != 0,
                Bytes(data_ + at + sizeof header, gap ? 0 : header.size), position + whole};
}

void LogRing::mark_done(std::uint64_t position) {
  const std::uint16_t done = 1;
  std::memcpy(data_ + position % kCapacity + offsetof(Header, done), &done, sizeof done);
}

void LogRing::release_to(std::uint64_t position) {
  tail_.store(position, std::memory_order_release);
}

std::uint64_t LogRing::end_of_doubt() const {
  const std::uint64_t begin = begin_position();
  const std::uint64_t writing = writing_.load(std::memory_order_acquire);
  return writing > begin && writing <= end_position() ? writing : begin;
}

void LogRing::count_lost(std::uint64_t lines) { add(lost_, lines); }

void LogRing::note_reported(std::uint64_t lines) { add(reported_, lines); }

void LogRing::reset() {
  for (Word* word : {&head_, &refused_, &tail_, &writing_, &place_, &lost_, &reported_})
    word->store(0, kRelaxed);
}

}  // namespace winghorn
