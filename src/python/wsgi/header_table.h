// header_table.h: from a header's name to its environ key, and its last value.
//
// Names that clients usually send are there from the start, others are added as they come, up to a
// limit; beyond it keys are made for each request. With each name goes the value it had last,
// reused while the bytes stay the same: on a kept-alive connection most do.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/bytes.h"
#include "python/gil/ref.h"
#include "python/wsgi/text_cache.h"

namespace winghorn::wsgi {

// "accept-encoding" -> "HTTP_ACCEPT_ENCODING"; Content-Type and Content-Length have no prefix.
gil::Ref make_environ_key(const gil::Gil& gil, Bytes name);

class HeaderTable {
 public:
  struct Entry {
    gil::Ref key;
    gil::Ref value;
    std::uint64_t last_request = 0;  // the one that had it last: a second time means to join
    std::uint64_t hash = 0;
    Entry* next = nullptr;        // the field that came behind it last time
    bool has_underscore = false;  // in its name
    std::uint8_t name_size = 0;
    std::array<char, 47> name{};  // as it was last spelled

    Bytes spelling() const { return Bytes(name.data(), name_size); }
  };

  explicit HeaderTable(const gil::Gil& gil);

  // Null when the table is full or the name too long: use make_environ_key(). `before`: the field before
  // it; most requests have the same fields in the same order, and then there is nothing to search.
  Entry* find(const gil::Gil& gil, Bytes name, Entry& before) {
    if (before.next == nullptr || !same_bytes(before.next->spelling(), name))
      before.next = search(gil, name);
    return before.next;
  }
  Entry& start() { return start_; }  // what is before the first one
  // The text of `value`, kept for the next time. An empty Ref: a Python error is set.
  static gil::Ref value_of(const gil::Gil& gil, Entry& entry, Bytes value);

  std::size_t size() const { return entries_.size(); }

 private:
  static constexpr std::size_t kPlaces = 512;
  static constexpr std::size_t kMostEntries = 256;

  Entry* search(const gil::Gil& gil, Bytes name);
  Entry* add(const gil::Gil& gil, Bytes name, std::uint64_t hash, std::size_t place);

  Entry start_;
  std::vector<Entry> entries_;                   // never grows past what is reserved: pointers stay
  std::array<std::uint16_t, kPlaces> places_{};  // 1 + index; 0: free. Open addressing
};

}  // namespace winghorn::wsgi
