// session.h: HTTP/1.0 and 1.1 (RFC 9110, 9112) on one connection, as a Protocol.
//
// Bytes in, bytes and exchanges out; see core/http/protocol.h for the order of calls. One exchange at a
// time: what a client sends ahead is kept (Limits::read_bytes, for then the session is not hungry) and
// parsed when the reply before it has gone out, so answers leave in the order of their requests.
//
// The first framing fault ends the connection's input for good: whatever the application does with it,
// no byte behind it is ever taken for a request. Memory is bounded by Limits; cost is linear in the
// bytes received, however they are cut.
//
// An exchange that next_request() has handed out belongs to the caller until finished() gives it back
// or the session is destroyed (the caller then closes it); one not handed out goes with the session.
// A gateway's heads may come in another form (core/http/head_format.h); its replies are HTTP/1.1's all the same.
// Not here: sockets, clocks, threads, logging.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/http/dates.h"
#include "core/http/head_format.h"
#include "core/http/header_policy.h"
#include "core/http/limits.h"
#include "core/http/protocol.h"
#include "core/http/refusal.h"
#include "core/http/strictness.h"
#include "core/http1/chunked_reader.h"
#include "core/http1/outbox.h"
#include "core/http1/request_parser.h"

namespace winghorn::http1 {

// The first lines of nearly every reply: made once a second, and copied in one piece.
class UsualOpening {
 public:
  // 200 OK, our fields, and the connection stays.
  Bytes text(Bytes server_name, Bytes date);

 private:
  std::string text_;
  HttpDate date_{};
};

// What all sessions of a worker share; made once, outlives them. Only the loop's owner uses it.
struct SessionConfig {
  const Limits& limits;
  const Strictness& strictness;
  const HeaderPolicy& policy;
  std::string server_name = "winghorn";  // the Server field
  bool keepalive = true;                 // false: every reply is the last of its connection

  mutable DateLine date{};
  mutable UsualOpening opening{};
  mutable ReplyParts parts{};  // scratch of collect(), so that its vectors keep their room
};

enum class Phase : std::uint8_t {
  Idle,   // between requests
  Head,   // bytes of a head have come
  Body,   // more of a body is awaited, or the application has to make room for it
  Reply,  // the request is whole; what comes now belongs to the next one
  Shut,   // nothing is read any more; the connection ends with the reply in progress
  Count,
};

class Session final : public Protocol {
 public:
  // `heads`: the form of the requests' heads, null for HTTP's own; outlives the session.
  Session(const SessionConfig& config, const ConnectionInfo& connection, ExchangePool& pool,
          const HeadFormat* heads = nullptr);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() override;

  bool hungry() const override;
  Verdict consume(Bytes arrived) override;
  Verdict input_ended() override;
  Verdict reject(const Refusal& why) override { return refuse(why); }
  // Also to be called when the application has made room in a body pipe that was full.
  Verdict proceed() override;
  Exchange* next_request() override;
  Exchange* withheld() override;
  std::optional<UnbegunRequest> unbegun() const override;
  Verdict take_up(const UnbegunRequest& request, Fd body_file) override;
  Verdict collect(Exchange& exchange) override;
  bool has_unsent() const override { return !outbox_.empty(); }
  Outgoing unsent() override { return outbox_.next(); }
  void sent(std::uint64_t count) override;
  Exchange* finished() override;
  bool read_unsent(UnsentReader& reader) const override { return outbox_.read(reader); }
  bool end_would_lie(bool all_sent) const override;
  Patience patience() const override;
  Verdict expired(Patience which) override;
  Verdict drain() override;
  // Closing now loses neither a request that has begun to arrive nor an answer.
  bool idle() const override;

 private:
  enum class Framing : std::uint8_t { None, Length, Chunked, UntilClose };

  // One row for each phase: what bytes do, what their end does, what the clock does, which clock.
  struct Row {
    Phase phase;
    Verdict (Session::*bytes)(Bytes& in);
    Verdict (Session::*ended)();
    Verdict (Session::*out_of_time)();
    Patience clock;
  };
  static const std::array<Row, static_cast<std::size_t>(Phase::Count)> kPhases;
  const Row& row() const { return kPhases[static_cast<std::size_t>(phase_)]; }

  // Input.
  Verdict feed(Bytes in);
  void hold(Bytes rest);
  Bytes held() const { return Bytes(held_).substr(held_used_); }
  Verdict begin_head(Bytes& in);
  Verdict read_head(Bytes& in);
  Verdict read_foreign_head(Bytes& in);
  bool skip_empty_line(Bytes& in);
  Exchange& open_exchange();
  ParseRules rules() const { return {config_.limits, config_.strictness, config_.policy}; }
  bool read_lone_head(Bytes& in);
  Fault parse_head(Bytes bytes);
  Verdict head_complete();
  Verdict read_body(Bytes& in);
  Verdict read_sized_body(Bytes& in);
  Verdict read_chunked_body(Bytes& in);
  Verdict body_complete();
  Verdict leave_bytes(Bytes& in);
  Verdict drop_bytes(Bytes& in);

  // Ends of input and of patience.
  Verdict end_of_input();
  Verdict close_now();
  Verdict keep_going();
  Verdict truncated();
  Verdict head_timed_out();
  Verdict body_timed_out();

  // Trouble. Refuses by a page when the application does not know the request yet, else tells it.
  Verdict fault(BodyState state, const Refusal& refusal);
  Verdict refuse(const Refusal& refusal);

  // Replies.
  bool may_persist(const ReplyHead& head) const;
  void send_continue();
  void send_informational(const ReplyHead& head);
  void send_head(ReplyHead& head, const ReplyParts& parts);
  Bytes reply_version() const;
  void put_opening(std::string& text, const ReplyHead& head) const;
  Framing choose_framing(ReplyHead& head, const ReplyParts& parts) const;
  void send_piece(Piece piece);
  void drop(Piece& piece, std::uint64_t count);
  void account(std::uint64_t bytes);
  Verdict end_reply(ReplyEnd end);

  const SessionConfig& config_;
  const ConnectionInfo& connection_;
  ExchangePool& pool_;
  const HeadFormat* const heads_;

  Phase phase_ = Phase::Idle;
  bool input_ended_ = false;
  bool draining_ = false;
  bool empty_line_skipped_ = false;
  // Arrived and not used up: an unfinished head, body bytes without room, requests sent ahead.
  std::string held_;
  std::size_t held_used_ = 0;  // bytes of it that are done with
  HeadScanner scanner_;

  // The exchange in progress.
  Exchange* exchange_ = nullptr;
  bool handed_out_ = false;
  bool awaits_continue_ = false;  // the client holds its body back until it sees 100
  RequestTraits traits_;
  std::uint64_t body_left_ = 0;
  ChunkedReader chunks_;

  // Its reply.
  Framing framing_ = Framing::None;
  bool head_sent_ = false;
  bool reply_ended_ = false;
  bool server_page_ = false;
  bool last_reply_ = false;  // the connection ends with it
  std::uint64_t length_left_ = 0;
  Outbox outbox_;
};

}  // namespace winghorn::http1
