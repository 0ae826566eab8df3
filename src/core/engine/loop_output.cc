// SPDX-License-Identifier: MIT
// What goes out: replies collected, sent and done with; the end of connections.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/engine/loop.h"
#include "core/http/error_page.h"
#include "core/log/log.h"
#include "core/net/accepting.h"
#include "core/net/stream.h"

namespace winghorn {
namespace {

constexpr int kSendsPerTurn = 16;  // then other connections have theirs
constexpr Millis kHalfMadeConnections{50};

}  // namespace

// ---- exchanges ----

void Loop::finished_inline(Exchange& exchange, Instant now) {
  now_ = now;
  inline_ = nullptr;
  come_home(exchange);
}

void Loop::adopt_inline() {
  Exchange* exchange = std::exchange(inline_, nullptr);
  if (exchange != nullptr) look_after(*exchange);
}

// An exchange that runs elsewhere: its reply has something new, or its body has room again.
void Loop::look_after(Exchange& exchange) {
  Connection& connection = owner_of(exchange);
  const CrashTable::Hold hold(crash_table_, connection);
  deliver(exchange);
  if (connection.state == ConnectionState::Broken) return;
  obey(connection, connection.protocol->proceed());
  exchange.wake_slot();
  keep_an_eye_on(exchange);
  if (connection.state != ConnectionState::Broken) service(connection);
}

void Loop::drain_home() {
  homecoming_.drain([this](Exchange& exchange, bool done) {
    if (done) {
      come_home(exchange);
    } else {
      look_after(exchange);
    }
  });
}

void Loop::come_home(Exchange& exchange) {
  ++requests_done_;
  Connection& connection = owner_of(exchange);
  const CrashTable::Hold hold(crash_table_, connection);
  exchange.notes.home = true;
  request_clocks_.end(connection.clock);
  deliver(exchange);
  if (connection.state == ConnectionState::Broken) return destroy(connection);
  if (exchange.notes.sent) complete(connection);
}

void Loop::deliver(Exchange& exchange) {
  Connection& connection = owner_of(exchange);
  if (connection.state == ConnectionState::Broken) return;
  deferred_bytes_ += exchange.reply.ahead();
  obey(connection, connection.protocol->collect(exchange));
  if (connection.state != ConnectionState::Broken) want_flush(connection);
}

// ---- sending ----

void Loop::want_flush(Connection& connection) {
  if (connection.flush_wanted) return;
  connection.flush_wanted = true;
  if (deferred_.empty()) oldest_deferred_ = now_;
  deferred_.push_back(&connection);
}

void Loop::flush() {
  std::swap(flushing_, deferred_);
  deferred_bytes_ = 0;
  for (Connection* connection : flushing_) {
    if (!connection->flush_wanted) continue;  // was destroyed since
    connection->flush_wanted = false;
    send_out(*connection);
  }
  flushing_.clear();
}

void Loop::send_out(Connection& connection) {
  const CrashTable::Hold hold(crash_table_, connection);
  if (connection.state == ConnectionState::Broken) return;
  for (int sends = 0; connection.writable; ++sends) {
    if (!connection.protocol->has_unsent()) break;
    if (sends == kSendsPerTurn) {
      want_flush(connection);
      break;
    }
    if (!send_some(connection)) return;
  }
  reap_finished(connection);
}

// False: the connection is gone.
bool Loop::send_some(Connection& connection) {
  const Outgoing out = connection.protocol->unsent();
  const int socket = connection.socket.get();
  const Transfer sent = out.bytes.empty() ? transmit_file(socket, out.file->file.get(),
                                                          out.file->offset, out.file->length)
                                          : transmit(socket, out.bytes);
  switch (sent.flow) {
    case Flow::Moved:
      if (connection.waiting == Waiting::Write) connection.moved += sent.bytes;
      connection.protocol->sent(sent.bytes);
      return true;
    case Flow::Blocked:
      connection.writable = false;
      return true;
    case Flow::Ended:  // the file is shorter than it said: what was promised cannot be kept
    case Flow::Broken:
      break_off(connection);
      return false;
  }
  return false;
}

void Loop::reap_finished(Connection& connection) {
  while (Exchange* exchange = connection.protocol->finished()) {
    exchange->notes.sent = true;
    if (exchange != connection.running) {  // the protocol's own answer: no slot ever had it
      record(*exchange);
      give_back(exchange);
    } else if (exchange->notes.home) {
      return complete(connection);
    } else if (exchange->notes.overdue) {
      return take_leave(connection);
    }
  }
  if (connection.state == ConnectionState::Closing && connection.running == nullptr &&
      !connection.protocol->has_unsent()) {
    return close_politely(connection);
  }
  if (connection.running != nullptr) note_reply(*connection.running);
  settle(connection);
}

void Loop::note_reply(const Exchange& exchange) {
  const Exchange::OwnerNotes& notes = exchange.notes;
  if (notes.reply_status != 0) rows_.note_reply(exchange, notes.reply_status, notes.reply_bytes);
}

// The client has its answer; whatever the slot still does is for nobody.
void Loop::take_leave(Connection& connection) {
  record(*connection.running);
  close_politely(connection);
}

void Loop::record(Exchange& exchange) {
  if (std::exchange(exchange.notes.recorded, true)) return;
  RingMark* const mark = rows_.line_mark(exchange);
  if (exchange.notes.refusal.empty()) {
    recorder_.answered(exchange, now_, mark);
  } else {
    recorder_.refused(exchange, now_, mark);
  }
}

// The exchange is both sent and home: the connection's next request may begin.
void Loop::complete(Connection& connection) {
  Exchange* exchange = std::exchange(connection.running, nullptr);
  record(*exchange);
  const bool whole = exchange->body.state() == BodyState::Complete;
  give_back(exchange);
  connection.input_owed |= !whole;
  if (connection.state == ConnectionState::Closing) return close_politely(connection);
  if (connection.state == ConnectionState::Lingering) return;  // its client was left before
  obey(connection, connection.protocol->proceed());
  if (connection.state == ConnectionState::Broken || !connection.socket) return;
  take_request(connection, now_);
  if (connection.readable) want_service(connection);
  connection.clock_stale = true;
  settle(connection);
}

// ---- the end ----

void Loop::give_back(Exchange* exchange) {
  // When the process ends, slots may still be in exchanges that the server has answered.
  if (leaving_) return;
  rows_.free(*exchange);
  pool_.close(exchange);
}

// The client is gone, or is to be: nothing more can be said to it.
void Loop::break_off(Connection& connection) {
  if (connection.state == ConnectionState::Broken) return;
  const CrashTable::Hold hold(crash_table_, connection);
  if (Exchange* const exchange = connection.running) {
    exchange->withdraw();
    exchange->reply.discard();
    exchange->body.end(BodyState::Truncated, "the client closed the connection");
    exchange->wake_slot();
    if (exchange->notes.overdue) record(*exchange);
  }
  close(connection);
}

// What an exchange that is away uses stays until it is home.
void Loop::close(Connection& connection) {
  const Exchange* const exchange = connection.running;
  if (exchange == nullptr || exchange->notes.home) return destroy(connection);
  disarm(connection);
  connection.state = ConnectionState::Broken;
  if (connection.registered) poller_.remove(connection.socket.get());
  if (connection.reset_at_end) {
    make_reset(connection.socket.get(), true);
  } else {
    ::shutdown(connection.socket.get(), SHUT_RDWR);
  }
  if (exchange->notes.overdue) keep_for_its_exchange(connection);
}

// A worker that is to go does not wait for it.
void Loop::keep_for_its_exchange(Connection& connection) {
  connection.is_kept = true;
  ++connections_kept_;
}

// Closes so that what was sent arrives: bytes that the client still sends would make the kernel reset
// the connection and destroy the answer on its way (RFC 9112 9.6).
void Loop::close_politely(Connection& connection) {
  const bool quiet = !connection.readable && !connection.input_owed;
  if (connection.input_ended || quiet || connection.reset_at_end) return close(connection);
  ::shutdown(connection.socket.get(), SHUT_WR);
  connection.state = ConnectionState::Lingering;
  if (!watch(connection)) return close(connection);
  if (connection.readable) want_service(connection);
  settle(connection);
}

void Loop::destroy(Connection& connection) {
  if (!connection.socket) return;
  const CrashTable::Hold hold(crash_table_, connection);
  crash_table_.remove(connection);
  disarm(connection);
  if (connection.is_counted) peers_.remove(connection.info.peer_address);
  request_clocks_.end(connection.clock);
  Exchange* const exchange = std::exchange(connection.running, nullptr);
  // A child that the application forked may hold the socket too: closing ours says nothing then.
  const bool shared = forked_.load(std::memory_order_relaxed);
  if (shared && connection.registered) poller_.remove(connection.socket.get());
  if (connection.reset_at_end) {
    make_reset(connection.socket.get(), shared);
  } else if (shared && connection.state != ConnectionState::Lingering &&
             connection.state != ConnectionState::Departed) {
    ::shutdown(connection.socket.get(), SHUT_RDWR);
  }
  if (connection.service_wanted) {
    std::erase(again_, &connection);
    again_left_ = std::min(again_left_, again_.size());
  }
  if (connection.flush_wanted) std::erase(deferred_, &connection);
  connection.flush_wanted = false;
  if (Exchange* const withheld = connection.protocol->withheld()) {
    record(*withheld);
    rows_.free(*withheld);
  }
  connection.protocol.reset();
  if (exchange != nullptr) {
    record(*exchange);
    give_back(exchange);
  }
  connection.socket.reset();
  --connections_in_use_;
  if (connection.is_kept) --connections_kept_;
  free_places_.push_back(connection.index);
  doomed_.push_back(std::move(table_[connection.index]));
}

// ---- the end of the worker ----

void Loop::drain(Drain how) {
  if (how == Drain::ToTheLast) {
    take_in_all_that_wait();
    for (Source& source : sources_) accept_all_that_wait(source);
  }
  if (how != Drain::AtOnce) empty_own_listeners();
  draining_ = true;
  for (auto& entry : table_) {
    Connection* connection = entry.get();
    if (connection == nullptr || connection->state != ConnectionState::Open) continue;
    const CrashTable::Hold hold(crash_table_, *connection);
    const Verdict verdict = connection->protocol->drain();
    if (verdict == Verdict::CloseNow && how != Drain::AtOnce) {
      // A request may be on its way to us: it is served, and told that it is the last.
      connection->clock_stale = true;
      settle(*connection);
    } else {
      obey(*connection, verdict);
    }
  }
  flush();
}

void Loop::take_in_all_that_wait() {
  auto received = siblings_ ? FdChannel::Received::Message : FdChannel::Received::Nothing;
  while (received == FdChannel::Received::Message && !is_crowded()) received = take_in();
}

void Loop::accept_all_that_wait(Source& source) {
  Accepted accepted;
  for (std::size_t most = settings_.limits.connections; source.socket.fd && most > 0; --most) {
    if (is_crowded()) return;
    const AcceptOutcome outcome = accept_one(source.socket.fd.get(), accepted);
    if (outcome == AcceptOutcome::TryAgain) continue;
    if (outcome != AcceptOutcome::Taken) return;
    service(adopt(source, accepted));
  }
}

// Closing one resets what is queued there, and what is half made. Nothing new is begun meanwhile, so the
// time that a handshake takes is all that is lost, once in a worker's life.
void Loop::empty_own_listeners() {
  std::vector<pollfd> watched;
  for (const Source& source : sources_) {
    if (!source.socket.is_own || !source.socket.fd) continue;
    hold_newcomers(source.socket.fd.get());
    watched.push_back({source.socket.fd.get(), POLLIN, 0});
  }
  if (watched.empty()) return;
  const Instant end = winghorn::now() + kHalfMadeConnections;
  for (bool is_last = false; !is_last;) {
    const Instant at = winghorn::now();
    is_last = at >= end || is_crowded();
    const Millis left = is_last ? Millis(0) : std::chrono::ceil<Millis>(end - at);
    ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    for (Source& source : sources_) {
      if (source.socket.is_own) accept_all_that_wait(source);
    }
  }
}

void Loop::answer_everything(const Farewell& farewell) {
  draining_ = leaving_ = true;
  drain_home();
  for (auto& entry : table_) {
    Connection* connection = entry.get();
    if (connection == nullptr || connection->state == ConnectionState::Broken) continue;
    const CrashTable::Hold hold(crash_table_, *connection);
    Exchange* exchange = connection->running;
    if (exchange != nullptr && !exchange->notes.home && !exchange->notes.overdue) {
      answer_by_server(*exchange, exchange->withdraw() ? farewell.not_begun : farewell.begun);
    }
    send_out(*connection);
  }
}

const Exchange* Loop::find_running(std::uint64_t exchange) const {
  for (const auto& connection : table_) {
    if (connection == nullptr || connection->state == ConnectionState::Broken) continue;
    const Exchange* const running = connection->running;
    if (running != nullptr && running->id() == exchange) return running;
  }
  return nullptr;
}

void Loop::refuse(Exchange& exchange, int status) {
  const CrashTable::Hold hold(crash_table_, owner_of(exchange));
  exchange.withdraw();
  ++requests_refused_;
  answer_by_server(exchange, status);
}

ErrorPage Loop::page_for(int status) {
  ErrorPage page = make_error_page(status, reason_phrase(status), "");
  if (status == 503) page.head.add("Retry-After", "1");
  return page;
}

// Only when no slot will answer it: none has it, or the process is about to end.
void Loop::answer_by_server(Exchange& exchange, int status) {
  ErrorPage page = page_for(status);
  exchange.reply.answer_instead(std::move(page.head), page.body);
  exchange.notes.home = true;
  request_clocks_.end(owner_of(exchange).clock);
  deliver(exchange);
}

// ---- a crash ----

// Their access lines are the arbiter's to write.
void Loop::say_last_words(Instant end) {
  last_words_.say(crash_table_, end);
  crash_table_.each([this](const Connection& connection) {
    if (connection.running == nullptr) return;
    const Exchange::OwnerNotes& notes = connection.running->notes;
    const LastWord& word = connection.last_word;
    if (word.page_sent > 0) {
      rows_.note_reply(*connection.running, word.status, last_words_.body_bytes(word));
    } else if (word.sent > 0 && notes.reply_bytes == 0) {  // all of it was sent just now
      const std::uint64_t length = notes.reply_head.content_length().value_or(0);
      rows_.note_reply(*connection.running, notes.reply_status, std::min(length, word.sent));
    } else {
      note_reply(*connection.running);
    }
  });
}

const Connection* Loop::find_stopped(std::uint64_t exchange) {
  const Connection* found = nullptr;
  crash_table_.each([&](const Connection& connection) {
    const Exchange* const running = connection.running;
    if (running != nullptr && running->id() == exchange) found = &connection;
  });
  return found;
}

unsigned Loop::turned_away() {
  unsigned count = 0;
  crash_table_.each(
      [&](const Connection& connection) { count += connection.last_word.status == kNotBegun; });
  return count;
}

}  // namespace winghorn
