// outbox.h: the bytes of replies on their way to the peer.
//
// Text (heads, chunk framing) and small pieces of bodies are copied into one buffer; large pieces are
// moved in and sent from where they lie; parts of files are handed to the caller for sendfile. Everything
// leaves in the order in which it was put. The views of next() are valid until the next call on this object.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/uio.h>

#include "core/base/bytes.h"
#include "core/http/protocol.h"
#include "core/http/reply.h"

namespace winghorn::http1 {

class Outbox {
 public:
  // What sent() moved, so that the caller can keep its accounts.
  struct Moved {
    std::uint64_t piece_bytes = 0;  // of pieces in memory: no longer ahead
    std::uint64_t file_bytes = 0;
  };

  bool empty() const { return segments_.empty(); }

  // What is appended to the returned string goes out as text; call end_text() when done.
  std::string& begin_text();
  void end_text();
  void put_text(Bytes text);
  void put_piece(Piece piece);

  Outgoing next();
  // Everything, in order; changes nothing and takes no memory. False: the reader wanted no more.
  bool read(UnsentReader& reader) const;
  Moved sent(std::uint64_t count);

 private:
  struct Segment {
    std::size_t text_length = 0;  // > 0: in text_; otherwise a piece
    std::size_t body_length = 0;  // of the text: bytes of pieces
    Piece piece;
    std::uint64_t done = 0;  // bytes of text or of the piece in memory that have gone out
  };

  static constexpr std::size_t kMostVectors = 64;
  static constexpr std::size_t kTextKept = 16UL * 1024;  // capacity worth keeping while idle
  // A send of one buffer costs less than one of two, by more than copying so little.
  static constexpr std::size_t kCopied = 4UL * 1024;
  static constexpr std::size_t kMostJoined = 16UL * 1024;  // in one segment

  void forget_sent();

  std::string text_;           // all text not yet forgotten, in order
  std::size_t text_done_ = 0;  // where the first segment with text begins in text_
  std::size_t text_open_ = 0;  // where begin_text() began
  std::vector<Segment> segments_;
  std::size_t first_ = 0;  // segments before it are sent
  std::vector<iovec> vectors_;
};

}  // namespace winghorn::http1
