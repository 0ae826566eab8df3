// SPDX-License-Identifier: MIT
#include "core/http1/outbox.h"

#include <algorithm>
#include <utility>

namespace winghorn::http1 {

std::string& Outbox::begin_text() {
  text_open_ = text_.size();
  return text_;
}

void Outbox::end_text() {
  const std::size_t added = text_.size() - text_open_;
  if (added == 0) return;
  if (first_ < segments_.size()) {
    std::size_t& length = segments_.back().text_length;
    if (length > 0 && length + added <= kMostJoined) {
      length += added;
      return;
    }
  }
  segments_.emplace_back().text_length = added;
}

void Outbox::put_text(Bytes text) {
  begin_text().append(text);
  end_text();
}

void Outbox::put_piece(Piece piece) {
  const std::uint64_t size = piece.size();
  if (size == 0) return;
  if (!piece.is_file() && size <= kCopied) {
    put_text(piece.bytes);
    segments_.back().body_length += piece.bytes.size();
  } else {
    segments_.emplace_back().piece = std::move(piece);
  }
}

Outgoing Outbox::next() {
  vectors_.clear();
  std::size_t text = text_done_;
  for (std::size_t i = first_; i < segments_.size() && vectors_.size() < kMostVectors; ++i) {
    Segment& segment = segments_[i];
    const bool is_text = segment.text_length > 0;
    if (!is_text && segment.piece.is_file()) {
      if (vectors_.empty()) return {{}, &segment.piece.file};
      break;
    }
    char* const begin = is_text ? text_.data() + text : segment.piece.bytes.data();
    const std::size_t size = is_text ? segment.text_length : segment.piece.bytes.size();
    vectors_.push_back({begin + segment.done, size - static_cast<std::size_t>(segment.done)});
    text += segment.text_length;
  }
  return {vectors_, nullptr};
}

bool Outbox::read(UnsentReader& reader) const {
  std::size_t text = text_done_;
  for (std::size_t i = first_; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    const bool is_text = segment.text_length > 0;
    if (!is_text && segment.piece.is_file()) {
      if (!reader.file(segment.piece.file)) return false;
      continue;
    }
    const Bytes all =
        is_text ? Bytes(text_).substr(text, segment.text_length) : Bytes(segment.piece.bytes);
    if (!reader.bytes(all.substr(static_cast<std::size_t>(segment.done)))) return false;
    text += segment.text_length;
  }
  return true;
}

Outbox::Moved Outbox::sent(std::uint64_t count) {
  Moved moved;
  while (count > 0 && first_ < segments_.size()) {
    Segment& segment = segments_[first_];
    const bool is_text = segment.text_length > 0;
    if (!is_text && segment.piece.is_file()) {
      FilePart& file = segment.piece.file;
      const std::uint64_t step = std::min(count, file.length);
      file.offset += step;
      file.length -= step;
      moved.file_bytes += step;
      count -= step;
      if (file.length > 0) break;
    } else {
      const std::uint64_t size = is_text ? segment.text_length : segment.piece.bytes.size();
      const std::uint64_t step = std::min(count, size - segment.done);
      segment.done += step;
      if (!is_text) moved.piece_bytes += step;
      count -= step;
      if (segment.done < size) break;
      text_done_ += segment.text_length;
      moved.piece_bytes += segment.body_length;
    }
    // Memory and descriptor go back as soon as they are not needed.
    if (!is_text) segment.piece = Piece{};
    ++first_;
  }
  forget_sent();
  return moved;
}

void Outbox::forget_sent() {
  if (first_ == segments_.size()) {
    segments_.clear();
    first_ = 0;
    text_done_ = 0;
    text_.clear();
    if (text_.capacity() > kTextKept) text_.shrink_to_fit();
    return;
  }
  // A reply that streams without ever running dry must not grow by what is gone.
  const bool is_much = first_ > kMostVectors || text_done_ > 4 * kMostJoined;
  if (is_much && first_ * 2 > segments_.size()) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
    text_.erase(0, text_done_);
    text_done_ = 0;
  }
}

}  // namespace winghorn::http1
