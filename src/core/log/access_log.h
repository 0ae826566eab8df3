// access_log.h: the line that each request leaves behind, by gunicorn's access_log_format.
//
// A format is compiled once and says at once what is wrong with it. Atoms: h l u t r m U q H s B b f a
// T M D L p Q {name}i {name}o {name}e, with Python's flags, width and precision; unknown ones give "-". All but
// Q, the time in queue, are gunicorn's.
// Everything that came from outside is escaped: a request makes exactly one line.
// The format "json" stands for a line of JSON (access_json.h).
// A compiled format is read-only and may be used by all threads.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace winghorn::log {

// Where a format finds header fields. `name` is in lower case; field names are compared without regard
// to case. An absent field is Bytes() (its data() is null), an empty one is not.
struct FieldSource {
  using Visit = std::function<void(Bytes name, Bytes value)>;

  virtual ~FieldSource() = default;
  virtual Bytes request_header(Bytes /*name*/) const { return {}; }  // the last one of that name
  virtual Bytes reply_header(Bytes /*name*/) const { return {}; }
  virtual Bytes environ_value(Bytes /*name*/) const { return {}; }
  virtual void each_request_header(const Visit& /*visit*/) const {}
  virtual void each_reply_header(const Visit& /*visit*/) const {}
};

struct AccessRecord {
  Bytes peer;  // address without port; empty for a unix socket
  Bytes method;
  Bytes target;  // as received
  Bytes path;    // as received, still percent-encoded: %(U)s decodes it
  Bytes query;
  Bytes version;                 // "HTTP/1.1"
  int status = 0;                // 0: none was ever known ("-")
  std::uint64_t body_bytes = 0;  // sent, without the head
  Nanos took{0};                 // from the complete head to the end of the response
  std::optional<Nanos> queued;   // until a slot began it
  int pid = 0;                   // whose request it was; 0: this process's
  const FieldSource* fields = nullptr;
};

class AccessFormat {
 public:
  static constexpr std::string_view kDefault =
      R"(%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s")";

  // One %(name)s of a compiled format, with the text before it.
  struct Piece {
    std::string before;
    char atom = 0;  // the letter, or a kind of access_atoms.h
    char conversion = 's';
    bool left = false;  // the flags - 0 + space #
    bool zero = false;
    bool plus = false;
    bool blank = false;
    bool alternate = false;
    bool plain = true;  // no flag, no width, no precision, conversion s
    int width = 0;
    int precision = -1;
    std::string name;  // of {name}i, {name}o, {name}e
  };

  static Result<AccessFormat> compile(std::string_view format);
  // For a Receiver: all there is to know, or the line that `format` makes with its time and process.
  static AccessFormat whole();
  static Result<AccessFormat> wrapped(std::string_view format);

  // Appends one line, newline included.
  void format(const AccessRecord& record, std::string& out) const;

 private:
  enum class Shape : std::uint8_t { Pieces, Json, WholeJson };

  explicit AccessFormat(Shape shape) : shape_(shape) {}

  void format_as_shaped(const AccessRecord& record, std::string& out) const;
  void format_pieces(const AccessRecord& record, std::string& out) const;

  Shape shape_;
  bool is_wrapped_ = false;
  std::vector<Piece> pieces_;
  std::string tail_;  // after the last piece, newline included
};

}  // namespace winghorn::log
