// text_cache.h: bytes of the wire as Python strings, kept for the next time they come.
//
// Latin-1, as PEP 3333 wants it: one character for each byte. A fixed number of places; a text
// whose place is taken by another replaces it. Long texts are made anew each time, so memory is
// bounded by places × kLongestKept.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "core/base/bytes.h"
#include "python/gil/ref.h"

namespace winghorn::wsgi {

constexpr std::size_t kLongestKept = 1024;

inline gil::Ref make_text(const gil::Gil&, Bytes bytes) {
  return gil::Ref::steal(
      PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), nullptr));
}

template <class Word>
bool same_ends(Bytes one, Bytes other) {
  const auto word = [](Bytes text, std::size_t at) {
    Word value = 0;
    std::memcpy(&value, &text[at], sizeof value);
    return value;
  };
  const std::size_t last = one.size() - sizeof(Word);
  return word(one, 0) == word(other, 0) && word(one, last) == word(other, last);
}

// Most texts of a head are so short that two words, which may overlap, cost less than a call of memcmp.
inline bool same_bytes(Bytes one, Bytes other) {
  if (one.size() != other.size()) return false;
  if (one.size() < 4 || one.size() > 16) return one == other;
  return one.size() < 8 ? same_ends<std::uint32_t>(one, other)
                        : same_ends<std::uint64_t>(one, other);
}

// `text` was made by make_text().
inline bool is_text_of(PyObject* text, Bytes bytes) {
  return same_bytes(bytes, Bytes(static_cast<const char*>(PyUnicode_DATA(text)),
                                 static_cast<std::size_t>(PyUnicode_GET_LENGTH(text))));
}

inline std::uint64_t mix(std::uint64_t state, std::uint64_t word) {
  state = (state ^ word) * 0x9E3779B97F4A7C15ULL;
  return state ^ (state >> 32);
}

inline std::uint64_t hash_of(Bytes bytes) {
  std::uint64_t state = bytes.size();
  while (bytes.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    state = mix(state, word);
    bytes.remove_prefix(sizeof word);
  }
  std::uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return mix(state, rest);
}

template <std::size_t Places>
class TextCache {
 public:
  static_assert((Places & (Places - 1)) == 0, "a power of two");

  gil::Ref get(const gil::Gil& gil, Bytes bytes) {
    if (bytes.size() > kLongestKept) return make_text(gil, bytes);
    gil::Ref& place = places_[hash_of(bytes) & (Places - 1)];
    if (!place || !is_text_of(place.get(), bytes)) {
      gil::Ref made = make_text(gil, bytes);
      if (!made) return made;
      place = std::move(made);
    }
    return gil::Ref::share(place.get());
  }

 private:
  std::array<gil::Ref, Places> places_;
};

}  // namespace winghorn::wsgi
