// SPDX-License-Identifier: MIT
//
// The reply half of Session: framing, persistence and the bytes themselves.
#include "core/http1/session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/http/error_page.h"

namespace winghorn::http1 {
namespace {

void put_number(std::string& text, std::uint64_t number, int base = 10) {
  std::array<char, 24> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number, base);
  for (char* c = digits.data(); c != result.ptr; ++c) {
    if (*c >= 'a') *c = static_cast<char>(*c - 'a' + 'A');
  }
  text.append(digits.data(), static_cast<std::size_t>(result.ptr - digits.data()));
}

void put_status_line(std::string& text, Bytes version, const ReplyHead& head) {
  text.append(version).append(1, ' ');
  put_number(text, static_cast<std::uint64_t>(head.status()));
  text.append(1, ' ');
  text.append(head.reason().empty() ? reason_phrase(head.status()) : head.reason());
  text.append("\r\n");
}

void put_field(std::string& text, Bytes name, Bytes value) {
  text.append(name).append(": ").append(value).append("\r\n");
}

void put_fields(std::string& text, const ReplyHead& head) {
  head.each_field([&text](const Field& field) { put_field(text, field.name, field.value); });
}

// RFC 9110 6.4.1; a HEAD request's answer has none either.
bool status_without_body(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

Verdict Session::collect(Exchange& exchange) {
  ReplyParts& parts = config_.parts;
  if (&exchange != exchange_ || reply_ended_ || !exchange.reply.collect(parts)) {
    return Verdict::KeepGoing;
  }
  if (parts.wants_continue && !parts.head) send_continue();
  for (const ReplyHead& head : parts.informational) send_informational(head);
  if (parts.head && !head_sent_) send_head(*parts.head, parts);
  for (Piece& piece : parts.pieces) send_piece(std::move(piece));
  if (parts.end == ReplyEnd::Open) return Verdict::KeepGoing;
  if (head_sent_ || parts.end == ReplyEnd::Silent) return end_reply(parts.end);
  // It ended without having said anything: somebody has to.
  ErrorPage page = make_error_page(500, reason_phrase(500), {});
  exchange.reply.answer(std::move(page.head), page.body);
  return collect(exchange);
}

void Session::send_continue() {
  if (!std::exchange(awaits_continue_, false) || head_sent_) return;
  outbox_.put_text("HTTP/1.1 100 Continue\r\n\r\n");
}

void Session::send_informational(const ReplyHead& head) {
  if (head_sent_ || !traits_.at_least_1_1) return;
  std::string& text = outbox_.begin_text();
  put_status_line(text, "HTTP/1.1", head);
  put_fields(text, head);
  text.append("\r\n");
  outbox_.end_text();
}

// ---- Two decisions, each made here and nowhere else

// How the client will know where the body ends (RFC 9112 6.3).
Session::Framing Session::choose_framing(ReplyHead& head, const ReplyParts& parts) const {
  if (traits_.is_head || status_without_body(head.status())) return Framing::None;
  if (head.content_length()) return Framing::Length;
  if (parts.end == ReplyEnd::Finished) {
    std::uint64_t length = 0;
    for (const Piece& piece : parts.pieces) length += piece.size();
    head.set_content_length(length);
    return Framing::Length;
  }
  return traits_.at_least_1_1 ? Framing::Chunked : Framing::UntilClose;
}

// Whether another request may follow on this connection (RFC 9112 9.3).
bool Session::may_persist(const ReplyHead& head) const {
  const bool client_wants =
      !traits_.asks_close && (traits_.at_least_1_1 || traits_.asks_keep_alive);
  const bool we_want = config_.keepalive && !draining_ && !last_reply_;
  const bool application_wants = !head.asks_close() && !head.is_error_page();
  const bool request_is_whole = phase_ == Phase::Reply && !traits_.undecoded && !traits_.is_connect;
  const bool end_is_visible = framing_ != Framing::UntilClose && head.status() >= 200;
  const bool client_sends_on = !input_ended_ || !held_.empty();
  return client_wants && we_want && application_wants && request_is_whole && end_is_visible &&
         client_sends_on;
}

// ---- The bytes

void Session::send_head(ReplyHead& head, const ReplyParts& parts) {
  framing_ = choose_framing(head, parts);
  last_reply_ = !may_persist(head);
  head_sent_ = true;
  awaits_continue_ = false;
  length_left_ = head.content_length().value_or(0);
  exchange_->notes.reply_status = head.status();
  server_page_ = head.is_error_page();

  std::string& text = outbox_.begin_text();
  put_opening(text, head);
  if (framing_ == Framing::Chunked) text.append("Transfer-Encoding: chunked\r\n");
  put_fields(text, head);
  // A 1xx or 204 must not have one (RFC 9110 8.6); after HEAD and with 304 it tells of another reply.
  const bool may_have_length = head.status() >= 200 && head.status() != 204;
  if (head.content_length() && may_have_length) {
    text.append("Content-Length: ");
    put_number(text, *head.content_length());
    text.append("\r\n");
  }
  text.append("\r\n");
  outbox_.end_text();
  exchange_->notes.reply_head = std::move(head);
}

// What a gateway names is its client's version, and not what it speaks with us.
Bytes Session::reply_version() const {
  return heads_ != nullptr || server_page_ ? Bytes("HTTP/1.1") : exchange_->head.version;
}

// The status line and the fields that are ours.
void Session::put_opening(std::string& text, const ReplyHead& head) const {
  const bool is_upgrade = head.asks_upgrade() && !server_page_;
  if (!server_page_ && !last_reply_ && !is_upgrade && head.status() == 200 &&
      head.reason() == "OK" && reply_version() == "HTTP/1.1") {
    text.append(config_.opening.text(config_.server_name, config_.date.text()));
    return;
  }
  put_status_line(text, reply_version(), head);
  if (!server_page_) {
    put_field(text, "Server", config_.server_name);
    put_field(text, "Date", config_.date.text());
  }
  const Bytes persistence = last_reply_ ? "close" : "keep-alive";
  put_field(text, "Connection", is_upgrade ? Bytes("upgrade") : persistence);
}

Bytes UsualOpening::text(Bytes server_name, Bytes date) {
  if (date != Bytes(date_.data(), date_.size())) {
    std::copy(date.begin(), date.end(), date_.begin());
    text_ = "HTTP/1.1 200 OK\r\n";
    put_field(text_, "Server", server_name);
    put_field(text_, "Date", date);
    put_field(text_, "Connection", "keep-alive");
  }
  return text_;
}

void Session::send_piece(Piece piece) {
  const std::uint64_t size = piece.size();
  switch (head_sent_ ? framing_ : Framing::None) {
    case Framing::None:
      drop(piece, size);
      return;
    case Framing::Length:
      if (size > length_left_) drop(piece, size - length_left_);
      length_left_ -= piece.size();
      break;
    case Framing::Chunked: {
      std::string& text = outbox_.begin_text();
      put_number(text, size, 16);
      text.append("\r\n");
      outbox_.end_text();
      outbox_.put_piece(std::move(piece));
      outbox_.put_text("\r\n");
      return;
    }
    case Framing::UntilClose:
      break;
  }
  outbox_.put_piece(std::move(piece));
}

// Takes `count` bytes off the end: they will never be sent, so nobody shall wait for them.
void Session::drop(Piece& piece, std::uint64_t count) {
  if (piece.is_file()) {
    piece.file.length -= count;
    return;
  }
  piece.bytes.resize(piece.bytes.size() - static_cast<std::size_t>(count));
  account(count);
}

void Session::account(std::uint64_t bytes) {
  if (bytes == 0) return;
  exchange_->reply.sent(bytes);
  if (handed_out_ && !reply_ended_) exchange_->wake_slot();
}

Verdict Session::end_reply(ReplyEnd end) {
  reply_ended_ = true;
  if (end != ReplyEnd::Finished) {
    last_reply_ = true;
  } else if (framing_ == Framing::Chunked) {
    outbox_.put_text("0\r\n\r\n");
  } else if (framing_ == Framing::Length && length_left_ > 0) {
    last_reply_ = true;  // less than was promised: only the end of the connection can say so
  }
  if (!last_reply_) return Verdict::KeepGoing;
  phase_ = Phase::Shut;
  // Where the end of the connection is the end of the body, only a reset says that it was cut.
  const bool looks_whole = end == ReplyEnd::Cut && framing_ == Framing::UntilClose;
  return looks_whole ? Verdict::FlushThenReset : Verdict::FlushThenClose;
}

void Session::sent(std::uint64_t count) {
  const Outbox::Moved moved = outbox_.sent(count);
  if (exchange_ == nullptr) return;
  exchange_->notes.reply_bytes += moved.piece_bytes + moved.file_bytes;
  account(moved.piece_bytes);
}

bool Session::end_would_lie(bool all_sent) const {
  const bool ends_with_connection =
      exchange_ != nullptr && head_sent_ && framing_ == Framing::UntilClose;
  return ends_with_connection && !(reply_ended_ && all_sent);
}

Exchange* Session::finished() {
  if (exchange_ == nullptr || !reply_ended_ || !outbox_.empty()) return nullptr;
  phase_ = last_reply_ ? Phase::Shut : Phase::Idle;
  handed_out_ = head_sent_ = reply_ended_ = awaits_continue_ = false;
  return std::exchange(exchange_, nullptr);
}

}  // namespace winghorn::http1
