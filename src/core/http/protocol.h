// protocol.h: what any HTTP version looks like from the socket's side.
//
// Bytes in, bytes and exchanges out; no socket, no clock, no thread of its own. All calls come from the
// loop's owner. The order of one kept-alive request:
//
//   consume(bytes) -> next_request() -> [application runs] -> collect(exchange) -> unsent()/sent()
//     -> finished() -> proceed() -> next_request() or patience()
//
// A protocol makes its exchanges in the pool it was given and hands each out once by next_request() when
// it could run (its body complete, or more of it than is held without a reader, or the client waits for
// 100 before it sends it), and once by finished() when its reply is sent; the caller closes it there.
// An answer that the protocol gives by itself (400, 408, …) also ends in finished(), with notes.refusal
// and notes.reply_status set, so that it can be logged; next_request() never shows it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <sys/uio.h>

#include "core/base/bytes.h"
#include "core/base/fd.h"
#include "core/http/exchange.h"
#include "core/http/refusal.h"

namespace winghorn {

enum class Verdict : std::uint8_t {
  KeepGoing,
  FlushThenClose,  // nothing is read as a request any more; what is unsent goes out first
  FlushThenReset,  // likewise, but an orderly end would be taken for the end of the reply
  CloseNow,
};

// Which clock runs while nothing happens; the limits are in Limits.
enum class Patience : std::uint8_t {
  None,  // the application's turn
  Idle,  // between requests
  Head,  // a head has begun
  Body,  // a body is awaited
};

// What goes out next: the bytes, then, when they are empty, the file.
struct Outgoing {
  std::span<const iovec> bytes;
  const FilePart* file = nullptr;

  bool empty() const { return bytes.empty() && file == nullptr; }
};

// Takes what is unsent without changing it. False: no more, please.
class UnsentReader {
 public:
  virtual ~UnsentReader() = default;
  virtual bool bytes(Bytes bytes) = 0;
  virtual bool file(const FilePart& part) = 0;
};

// A request that is all here and that nobody has begun, for a session of the same protocol in another process
// to take up. The views are valid until the next call on the protocol that gave them.
struct UnbegunRequest {
  Bytes head;
  BodyPipe::Content body;
  Bytes rest;  // what the client has sent behind it
  bool input_ended = false;
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // Input. Bytes are valid during the call only; all of them are taken (what cannot be used yet is
  // kept: at most one read's worth, Limits::read_bytes).
  virtual bool hungry() const = 0;  // false: stop reading the socket
  virtual Verdict consume(Bytes arrived) = 0;
  virtual Verdict input_ended() = 0;  // the peer sends no more; it may still read
  // What has come before the first request is at fault: this is answered, and nothing is read any more.
  virtual Verdict reject(const Refusal& why) = 0;
  // After a finished exchange: go on with what was kept.
  virtual Verdict proceed() = 0;

  // The next exchange that could run, or null.
  virtual Exchange* next_request() = 0;
  // The exchange that next_request() has not handed out, its head complete or refused; or null.
  virtual Exchange* withheld() = 0;

  // The exchange that next_request() has handed out last, as long as this connection could go on elsewhere:
  // all of it has come, nothing of its reply has been collected, and nothing is unsent.
  virtual std::optional<UnbegunRequest> unbegun() const = 0;
  // On a new connection, instead of the first consume(): next_request() then hands it out. `body_file` is
  // that of request.body.
  virtual Verdict take_up(const UnbegunRequest& request, Fd body_file) = 0;

  // Takes what the exchange's reply side holds and frames it.
  virtual Verdict collect(Exchange& exchange) = 0;

  // Output. The views are valid until the next call on this object.
  virtual bool has_unsent() const = 0;
  virtual Outgoing unsent() = 0;
  virtual void sent(std::uint64_t count) = 0;
  // An exchange whose reply has gone out whole (or will never), or null.
  virtual Exchange* finished() = 0;

  // For the signal handler of a process that dies; both take no lock and no memory.
  // All that is unsent; false: the reader wanted no more.
  virtual bool read_unsent(UnsentReader& reader) const = 0;
  // Whether an orderly end of the connection would pass a part of a reply off as the whole of it.
  // `all_sent`: nothing is unsent any more, although sent() was not called.
  virtual bool end_would_lie(bool all_sent) const = 0;

  virtual Patience patience() const = 0;
  virtual Verdict expired(Patience which) = 0;
  // Finish what runs, begin nothing: the reply that is next says that it is the last.
  virtual Verdict drain() = 0;
  // True when closing now loses neither a request that has begun to arrive nor an answer still owed.
  virtual bool idle() const = 0;
};

}  // namespace winghorn
