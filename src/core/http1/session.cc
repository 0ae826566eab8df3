// SPDX-License-Identifier: MIT
#include "core/http1/session.h"

#include <algorithm>
#include <utility>

#include "core/http/error_page.h"
#include "core/http/grammar.h"

namespace winghorn::http1 {
namespace {

constexpr std::size_t kHeldKept = 4UL * 1024;  // capacity of held_ worth keeping while idle

}  // namespace

const std::array<Session::Row, static_cast<std::size_t>(Phase::Count)> Session::kPhases{{
    // phase, bytes arrive, their end, the clock runs out, which clock
    {Phase::Idle, &Session::begin_head, &Session::close_now, &Session::close_now, Patience::Idle},
    {Phase::Head, &Session::read_head, &Session::close_now, &Session::head_timed_out,
     Patience::Head},
    {Phase::Body, &Session::read_body, &Session::truncated, &Session::body_timed_out,
     Patience::Body},
    {Phase::Reply, &Session::leave_bytes, &Session::keep_going, &Session::keep_going,
     Patience::None},
    {Phase::Shut, &Session::drop_bytes, &Session::keep_going, &Session::keep_going, Patience::None},
}};

Session::Session(const SessionConfig& config, const ConnectionInfo& connection, ExchangePool& pool,
                 const HeadFormat* heads)
    : config_(config), connection_(connection), pool_(pool), heads_(heads) {}

Session::~Session() {
  if (exchange_ != nullptr && !handed_out_) pool_.close(exchange_);
}

// ---- Input

bool Session::hungry() const {
  if (input_ended_ || phase_ == Phase::Shut) return false;
  if (phase_ == Phase::Idle || phase_ == Phase::Head) return true;
  return held_.empty() && (phase_ == Phase::Reply || !exchange_->body.full());
}

Verdict Session::consume(Bytes arrived) {
  if (held_.empty()) return feed(arrived);
  held_.append(arrived);
  return feed(held());
}

// Each phase takes what it can from the front; what is left over when nobody can take more is held.
Verdict Session::feed(Bytes in) {
  Verdict verdict = Verdict::KeepGoing;
  while (verdict == Verdict::KeepGoing && !in.empty()) {
    const std::size_t before = in.size();
    const Phase phase = phase_;
    verdict = (this->*row().bytes)(in);
    if (in.size() == before && phase_ == phase) break;
  }
  hold(verdict == Verdict::KeepGoing ? in : Bytes());
  return verdict;
}

// `rest` is the end of held_, or of what has just arrived while nothing was held. Used bytes are cut off
// when they are the larger part, so that a long row of small requests is not moved for each of them, and
// when a long head before it has made much more room than `rest` needs.
void Session::hold(Bytes rest) {
  if (rest.empty()) {
    held_.clear();
    held_used_ = 0;
    if (held_.capacity() > kHeldKept) held_.shrink_to_fit();
  } else if (held_.empty()) {
    held_.assign(rest);
  } else {
    held_used_ = held_.size() - rest.size();
    const bool too_roomy = held_.capacity() > 2 * rest.size() + kHeldKept;
    if (held_used_ * 2 < held_.size() && !too_roomy) return;
    held_.erase(0, held_used_);
    held_used_ = 0;
    if (too_roomy) held_.shrink_to_fit();
  }
}

Verdict Session::leave_bytes(Bytes& /*in*/) { return Verdict::KeepGoing; }

Verdict Session::drop_bytes(Bytes& in) {
  in = {};
  return Verdict::KeepGoing;
}

Verdict Session::begin_head(Bytes& /*in*/) {
  phase_ = Phase::Head;
  return Verdict::KeepGoing;
}

// One empty line before a request line is some old client's mistake (RFC 9112 2.2). False: it takes
// another byte to know.
bool Session::skip_empty_line(Bytes& in) {
  if (empty_line_skipped_ || in.front() != '\r') return true;
  if (in.size() == 1) return false;
  if (in[1] == '\n') {
    in.remove_prefix(2);
    empty_line_skipped_ = true;
    if (in.empty()) phase_ = Phase::Idle;
  }
  return !in.empty();
}

Verdict Session::read_head(Bytes& in) {
  if (heads_ != nullptr) return read_foreign_head(in);
  if (!skip_empty_line(in)) return Verdict::KeepGoing;
  if (!scanner_.begun() && read_lone_head(in)) return head_complete();
  const HeadScanner::Result result = scanner_.scan(in, config_.limits);
  if (result == HeadScanner::Result::Complete) {
    const Bytes head = in.substr(0, scanner_.end());
    in.remove_prefix(scanner_.end());
    if (Fault fault = parse_head(head)) return refuse(*fault);
    return head_complete();
  }
  // A request line that cannot be served is answered at once, not when its fields have come.
  if (scanner_.first_look()) {
    std::string line(scanner_.request_line(in));
    const std::size_t size = line.size();
    line.append(kReadBeyond, '\0');
    RequestHead head;
    RequestTraits traits;
    if (Fault fault = parse_request_line(line.data(), size, config_.strictness, head, traits)) {
      return refuse(*fault);
    }
  }
  if (result == HeadScanner::Result::Refused) return refuse(scanner_.refusal(in, config_.limits));
  return Verdict::KeepGoing;
}

Verdict Session::read_foreign_head(Bytes& in) {
  const HeadFormat::Extent extent = heads_->extent(in, connection_);
  if (extent.fault) return refuse(*extent.fault);
  if (extent.bytes == 0 || extent.bytes > in.size()) return Verdict::KeepGoing;
  const Bytes head = in.substr(0, extent.bytes);
  in.remove_prefix(extent.bytes);
  if (Fault fault = parse_head(head)) return refuse(*fault);
  return head_complete();
}

Exchange& Session::open_exchange() {
  exchange_ = pool_.open(connection_);
  traits_ = RequestTraits{};
  return *exchange_;
}

// False: there is no such head, or it has a fault, which the way that all others go will name.
bool Session::read_lone_head(Bytes& in) {
  if (!may_be_lone_head(in, rules())) return false;
  if (parse_head(in)) {
    pool_.close(std::exchange(exchange_, nullptr));
    return false;
  }
  in.remove_prefix(exchange_->head_bytes.size());
  return true;
}

Fault Session::parse_head(Bytes bytes) {
  Exchange& exchange = open_exchange();
  if (heads_ != nullptr) {
    exchange.head_bytes.assign(bytes);
    return heads_->read(exchange.head_bytes, connection_, exchange.head, traits_);
  }
  keep_head(bytes, exchange.head_bytes);
  return parse_request_head(exchange.head_bytes, rules(), connection_.trusted_forwarder,
                            exchange.head, traits_);
}

Verdict Session::head_complete() {
  scanner_.reset();
  empty_line_skipped_ = false;
  const Exchange& exchange = *exchange_;
  if (!exchange.head.has_body()) return body_complete();
  body_left_ = exchange.head.content_length.value_or(0);
  if (body_left_ > config_.limits.request_body_bytes) {
    return refuse(body_too_large(body_left_, config_.limits.request_body_bytes));
  }
  phase_ = Phase::Body;
  awaits_continue_ = exchange.head.expects_continue;
  chunks_.reset();
  return Verdict::KeepGoing;
}

Verdict Session::read_body(Bytes& in) {
  if (std::exchange(awaits_continue_, false) && !handed_out_)
    exchange_->head.expects_continue = false;
  const Verdict verdict =
      exchange_->head.length_unknown ? read_chunked_body(in) : read_sized_body(in);
  if (handed_out_) exchange_->wake_slot();
  return verdict;
}

Verdict Session::read_sized_body(Bytes& in) {
  const std::uint64_t wanted = std::min<std::uint64_t>(in.size(), body_left_);
  const auto count = static_cast<std::size_t>(std::min(wanted, exchange_->body.room()));
  if (count == 0) return Verdict::KeepGoing;
  if (count < body_left_) exchange_->body.expect(body_left_);
  if (!exchange_->body.put(in.substr(0, count)))
    return fault(BodyState::NoSpace, no_space_for_body());
  in.remove_prefix(count);
  body_left_ -= count;
  return body_left_ == 0 ? body_complete() : Verdict::KeepGoing;
}

Verdict Session::read_chunked_body(Bytes& in) {
  Refusal why;
  switch (chunks_.feed(in, exchange_->body, config_.limits, config_.strictness, why)) {
    case ChunkedReader::Result::More:
      return Verdict::KeepGoing;
    case ChunkedReader::Result::Complete:
      return body_complete();
    case ChunkedReader::Result::Refused:
      return fault(why.status == 413 ? BodyState::TooLarge : BodyState::Malformed, why);
    case ChunkedReader::Result::NoSpace:
      return fault(BodyState::NoSpace, no_space_for_body());
  }
  return Verdict::KeepGoing;
}

Verdict Session::body_complete() {
  exchange_->body.end(BodyState::Complete);
  phase_ = Phase::Reply;
  return Verdict::KeepGoing;
}

Exchange* Session::next_request() {
  if (exchange_ == nullptr || handed_out_ || reply_ended_) return nullptr;
  const bool ready =
      phase_ == Phase::Reply || exchange_->head.expects_continue || exchange_->body.full();
  if (!ready) return nullptr;
  handed_out_ = true;
  return exchange_;
}

std::optional<UnbegunRequest> Session::unbegun() const {
  const bool is_whole = handed_out_ && phase_ == Phase::Reply;
  if (!is_whole || head_sent_ || reply_ended_ || !outbox_.empty()) return std::nullopt;
  return UnbegunRequest{exchange_->head_bytes, exchange_->body.content(), held(), input_ended_};
}

// Its head has passed the grammar before, and may be refused all the same: by rules that are newer here.
Verdict Session::take_up(const UnbegunRequest& request, Fd body_file) {
  if (Fault fault = parse_head(request.head)) return refuse(*fault);
  if (exchange_->head.has_body()) {
    exchange_->head.expects_continue = false;
    exchange_->body.fill(request.body.memory, std::move(body_file), request.body.in_file);
  }
  if (const Verdict verdict = body_complete(); verdict != Verdict::KeepGoing) return verdict;
  hold(request.rest);
  return request.input_ended ? input_ended() : Verdict::KeepGoing;
}

Exchange* Session::withheld() { return handed_out_ ? nullptr : exchange_; }

// ---- Ends of input and of patience

Verdict Session::input_ended() {
  input_ended_ = true;
  return end_of_input();
}

// Only when all that came before the end has been used.
Verdict Session::end_of_input() {
  if (!input_ended_) return Verdict::KeepGoing;
  const bool stuck = phase_ == Phase::Head || held_.empty();
  return stuck ? (this->*row().ended)() : Verdict::KeepGoing;
}

Verdict Session::proceed() {
  if (!held_.empty()) {
    if (const Verdict verdict = feed(held()); verdict != Verdict::KeepGoing) return verdict;
  }
  if (phase_ == Phase::Shut && exchange_ == nullptr) return Verdict::FlushThenClose;
  if (draining_ && idle()) return Verdict::CloseNow;
  return end_of_input();
}

Verdict Session::close_now() { return Verdict::CloseNow; }
Verdict Session::keep_going() { return Verdict::KeepGoing; }

Verdict Session::truncated() {
  if (exchange_->head.length_unknown)
    return fault(BodyState::Truncated, missing_chunk_terminator({}));
  const std::uint64_t announced = exchange_->head.content_length.value_or(0);
  return fault(BodyState::Truncated, body_too_short(announced - body_left_, announced));
}

Verdict Session::head_timed_out() { return refuse(head_too_slow()); }
Verdict Session::body_timed_out() { return fault(BodyState::TooSlow, body_too_slow()); }

Patience Session::patience() const {
  const bool applications_turn =
      phase_ == Phase::Body && (awaits_continue_ || exchange_->body.full());
  return applications_turn ? Patience::None : row().clock;
}

Verdict Session::expired(Patience which) {
  return which == patience() ? (this->*row().out_of_time)() : Verdict::KeepGoing;
}

Verdict Session::drain() {
  draining_ = true;
  return idle() ? Verdict::CloseNow : Verdict::KeepGoing;
}

bool Session::idle() const { return phase_ == Phase::Idle && exchange_ == nullptr; }

// ---- Trouble

Verdict Session::fault(BodyState state, const Refusal& refusal) {
  exchange_->body.end(state, refusal.log);
  if (!handed_out_) return refuse(refusal);
  // The application hears of it; its reply is the last thing on this connection.
  phase_ = Phase::Shut;
  exchange_->wake_slot();
  return Verdict::KeepGoing;
}

Verdict Session::refuse(const Refusal& refusal) {
  if (exchange_ == nullptr) open_exchange();
  phase_ = Phase::Shut;
  exchange_->notes.refusal = refusal.log;
  ErrorPage page = make_error_page(refusal.status, reason_phrase(refusal.status), refusal.page);
  exchange_->reply.answer(std::move(page.head), page.body);
  return collect(*exchange_);
}

}  // namespace winghorn::http1
