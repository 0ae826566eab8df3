// SPDX-License-Identifier: MIT
#include "core/scoreboard/request_row.h"

#include <algorithm>

#include "core/scoreboard/text_cells.h"

namespace winghorn {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr unsigned kStatusShift = 48;
constexpr std::uint64_t kMostBytes = (std::uint64_t{1} << kStatusShift) - 1;

std::uint64_t clamped(std::size_t size, std::uint64_t most) {
  return std::min<std::uint64_t>(size, most);
}

}  // namespace

struct RequestRow::Copied {
  std::uint64_t id = 0;
  std::uint64_t since = 0;
  std::uint64_t lengths = 0;
  std::uint64_t reply = 0;
  std::array<std::uint64_t, 1> version{};
  std::array<std::uint64_t, 2> method{};
  std::array<std::uint64_t, 8> peer{};
  std::array<std::uint64_t, 48> target{};

  std::uint64_t method_size() const { return lengths & 0xfff; }
  std::uint64_t version_size() const { return lengths >> 12 & 0xf; }
  std::uint64_t peer_size() const { return lengths >> 16 & 0xffff; }
  std::uint64_t target_size() const { return lengths >> 32; }
};

void RequestRow::hold(std::uint64_t id, const Texts& texts, Instant since) {
  // Nobody may see what follows and still the old id. (As in SequenceLock; the id does its counter's work.)
  std::atomic_thread_fence(std::memory_order_release);
  since_.store(to_word(since), kRelaxed);
  lengths_.store(clamped(texts.method.size(), 0xfff) | clamped(texts.version.size(), 0xf) << 12 |
                     clamped(texts.peer.size(), 0xffff) << 16 |
                     clamped(texts.target.size(), 0xffffffff) << 32,
                 kRelaxed);
  reply_.store(0, kRelaxed);
  line_.clear();
  store_text(version_, texts.version);
  store_text(method_, texts.method);
  store_text(peer_, texts.peer);
  store_text(target_, texts.target);
  id_.store(id, std::memory_order_release);
}

void RequestRow::note_reply(int status, std::uint64_t body_bytes) {
  reply_.store(
      static_cast<std::uint64_t>(status) << kStatusShift | std::min(body_bytes, kMostBytes),
      kRelaxed);
}

std::optional<RequestSnapshot> RequestRow::read(std::uint64_t id) const {
  if (id == 0 || id_.load(std::memory_order_acquire) != id) return std::nullopt;
  Copied words;
  copy_words(words);
  std::atomic_thread_fence(std::memory_order_acquire);
  if (id_.load(kRelaxed) != id) return std::nullopt;
  return spell(words);
}

std::optional<RequestSnapshot> RequestRow::read_dead() const {
  Copied words;
  copy_words(words);
  if (words.id == 0) return std::nullopt;
  return spell(words);
}

bool RequestRow::is_line_owed(const LogRing& ring) const {
  return id_.load(kRelaxed) != 0 && !line_.is_settled_in(ring);
}

void RequestRow::copy_words(Copied& into) const {
  into.id = id_.load(kRelaxed);
  into.since = since_.load(kRelaxed);
  into.lengths = lengths_.load(kRelaxed);
  into.reply = reply_.load(kRelaxed);
  copy_text(into.version, version_, into.version_size());
  copy_text(into.method, method_, into.method_size());
  copy_text(into.peer, peer_, into.peer_size());
  copy_text(into.target, target_, into.target_size());
}

RequestSnapshot RequestRow::spell(const Copied& words) {
  RequestSnapshot snapshot;
  snapshot.id = words.id;
  snapshot.since = from_word(words.since);
  snapshot.method = spell_text(words.method, words.method_size());
  snapshot.target = spell_text(words.target, words.target_size());
  snapshot.version = spell_text(words.version, words.version_size());
  snapshot.peer = spell_text(words.peer, words.peer_size());
  snapshot.reply_status = static_cast<int>(words.reply >> kStatusShift);
  snapshot.reply_bytes = words.reply & kMostBytes;
  return snapshot;
}

void RequestRow::reset() { free(); }

}  // namespace winghorn
