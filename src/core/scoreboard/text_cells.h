// text_cells.h: a text of bounded length in words of shared memory.
//
// Stored and loaded word by word, relaxed; that all words are of one text is for the caller to see to. No more
// words are touched than the text has.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/base/bytes.h"

namespace winghorn {

template <std::size_t Words>
void store_text(std::array<std::atomic<std::uint64_t>, Words>& cells, Bytes text) {
  const std::size_t size = std::min(text.size(), Words * 8);
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    cells[at / 8].store(word, std::memory_order_relaxed);
  }
  if (at < size) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, size - at);
    cells[at / 8].store(word, std::memory_order_relaxed);
  }
}

// `size` may be anything: a dead writer's memory is read too.
template <std::size_t Words>
void copy_text(std::array<std::uint64_t, Words>& into,
               const std::array<std::atomic<std::uint64_t>, Words>& cells, std::uint64_t size) {
  const std::size_t words = std::min<std::uint64_t>((size + 7) / 8, Words);
  for (std::size_t i = 0; i < words; ++i) into[i] = cells[i].load(std::memory_order_relaxed);
}

// A text that was longer than its cells ends with "...".
template <std::size_t Words>
std::string spell_text(const std::array<std::uint64_t, Words>& words, std::uint64_t size) {
  const std::size_t kept = std::min<std::uint64_t>(size, Words * 8);
  std::string text(reinterpret_cast<const char*>(words.data()), kept);
  if (kept < size) text += "...";
  return text;
}

}  // namespace winghorn
