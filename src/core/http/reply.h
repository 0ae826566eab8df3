// reply.h: what an application answers, in words that no protocol version owns.
//
// A ReplyHead takes its fields one by one and says at once what is wrong with one, so that nothing
// which could split a response is ever kept. Names that belong to the connection and not to the
// application (RFC 9110 7.6.1, PEP 3333) are dropped here, for every protocol alike.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "core/http/head.h"

namespace winghorn {

enum class FieldFault : std::uint8_t {
  None,
  BadName,    // not a token (RFC 9110 5.1)
  BadValue,   // a byte other than SP, HTAB, VCHAR, obs-text (RFC 9110 5.5)
  BadLength,  // Content-Length that is no decimal number, or a second, different one
};

class ReplyHead {
 public:
  // `reason` may be empty. False when the status is not in 100..999 or the reason holds a byte that
  // a field value could not.
  bool set_status(int status, Bytes reason);
  FieldFault add(Bytes name, Bytes value);
  void clear();

  int status() const { return status_; }
  Bytes reason() const { return reason_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  void set_content_length(std::uint64_t length) { content_length_ = length; }
  bool asks_close() const { return asks_close_; }      // the application said Connection: close
  bool asks_upgrade() const { return asks_upgrade_; }  // it said Connection: upgrade

  // The pages that the server itself answers with carry no Server and no Date, as gunicorn's.
  bool is_error_page() const { return error_page_; }
  void mark_error_page() { error_page_ = true; }

  // Content-Length is not among them.
  std::size_t field_count() const { return spans_.size(); }
  template <class Visit>
  void each_field(Visit visit) const {
    std::size_t at = 0;
    for (const Span& span : spans_) {
      visit(Field{Bytes(text_).substr(at, span.name),
                  Bytes(text_).substr(at + span.name, span.value)});
      at += span.name + span.value;
    }
  }

 private:
  struct Span {
    std::uint32_t name;
    std::uint32_t value;
  };

  void note_connection_options(Bytes value);
  FieldFault note_length(Bytes value);

  int status_ = 0;
  bool asks_close_ = false;
  bool asks_upgrade_ = false;
  bool error_page_ = false;
  std::optional<std::uint64_t> content_length_;
  std::string reason_;
  std::string text_;  // name, value, name, value, … without separators
  std::vector<Span> spans_;
};

// A part of a file, sent without passing through memory. The descriptor is ours (a duplicate).
struct FilePart {
  Fd file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// One piece of a body: bytes, or a part of a file when file.file is open.
struct Piece {
  std::string bytes;
  FilePart file;

  bool is_file() const { return static_cast<bool>(file.file); }
  std::uint64_t size() const { return is_file() ? file.length : bytes.size(); }
};

}  // namespace winghorn
