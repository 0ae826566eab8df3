// SPDX-License-Identifier: MIT
// What happens when nothing does: which clock a connection runs on, and its end.
#include <utility>

#include "core/engine/loop.h"

namespace winghorn {

void Loop::fire_clocks() {
  for (DeadlineList& clock : clocks_) {
    while (DeadlineNode* node = clock.expired(now_)) ran_out(static_cast<Connection&>(*node));
  }
  fire_request_clocks();
}

void Loop::fire_request_clocks() {
  const std::optional<Instant> due = request_clocks_.next_due();
  if (!due || *due > now_) return;
  drain_home();  // what is done is not late
  while (Exchange* exchange = request_clocks_.next_slow(now_)) slots_.slow(*exchange);
  while (Exchange* exchange = request_clocks_.next_kept_waiting(now_)) {
    // One that has not been given out yet is met by next_ready(); of one that a slot has, nobody waits.
    if (exchange->notes.given_out && slots_.take_back(*exchange)) turn_away(*exchange);
  }
  while (Exchange* exchange = request_clocks_.next_overdue(now_)) {
    // One that has not been given out yet is met by next_ready().
    if (exchange->notes.given_out) deadline_has_passed(*exchange);
  }
}

bool Loop::has_waited_too_long(const Exchange& exchange) const {
  const Nanos most = settings_.request_times.queue;
  return most > Nanos(0) && now_ - exchange.notes.ready >= most;
}

// No slot has it, and none will.
void Loop::turn_away(Exchange& exchange) {
  Connection& connection = owner_of(exchange);
  if (connection.state == ConnectionState::Broken) return destroy(connection);
  count(Expiry::Queue);
  refuse(exchange, kNotBegun);
}

// The client is answered now, whatever the slot does, if one has it.
void Loop::deadline_has_passed(Exchange& exchange) {
  Connection& connection = owner_of(exchange);
  const CrashTable::Hold hold(crash_table_, connection);
  request_clocks_.end(connection.clock);
  const bool is_nobodys = !exchange.notes.given_out || slots_.take_back(exchange);
  const bool has_gone = connection.state == ConnectionState::Broken;
  if (is_nobodys && has_gone) return destroy(connection);
  exchange.withdraw();
  exchange.notes.overdue = true;
  count(Expiry::Request);
  slots_.overdue(exchange);
  if (has_gone) {
    record(exchange);
    return keep_for_its_exchange(connection);
  }
  if (is_nobodys) return answer_by_server(exchange, settings_.request_times.status);
  ErrorPage page = page_for(settings_.request_times.status);
  exchange.reply.answer_instead(std::move(page.head), page.body);
  deliver(exchange);
  exchange.body.end(BodyState::Overdue, "the request's time is over (setting request_timeout)");
  exchange.reply.discard();
  exchange.wake_slot();
  // Its reply had gone out before, and the code that should have come to an end behind it did not.
  if (exchange.notes.sent) take_leave(connection);
}

void Loop::disarm(Connection& connection) {
  DeadlineList::disarm(connection);
  connection.waiting = Waiting::Nothing;
}

Waiting Loop::wanted_clock(const Connection& connection) const {
  if (connection.state == ConnectionState::Lingering) return Waiting::Linger;
  if (connection.state == ConnectionState::Broken) return Waiting::Nothing;
  if (!connection.writable) return Waiting::Write;
  if (connection.flush_wanted || connection.service_wanted) return Waiting::Nothing;
  if (connection.preamble && connection.preamble->begun()) return Waiting::Head;
  switch (connection.protocol->patience()) {
    case Patience::None:
      return Waiting::Nothing;
    case Patience::Idle:
      if (draining_) return Waiting::Farewell;
      // Keep-alive is for those that have been served.
      return connection.had_request ? Waiting::Idle : Waiting::FirstByte;
    case Patience::Head:
      return Waiting::Head;
    case Patience::Body:
      return Waiting::Body;
  }
  return Waiting::Nothing;
}

// After anything that may have changed what the connection waits for.
void Loop::settle(Connection& connection) {
  if (!connection.socket) return;  // destroyed meanwhile
  const Waiting wanted = wanted_clock(connection);
  if (wanted != Waiting::Nothing && !watch(connection)) return break_off(connection);
  if (wanted == connection.waiting && !connection.clock_stale) return;
  disarm(connection);
  connection.clock_stale = false;
  connection.moved = 0;
  connection.waiting = wanted;
  if (wanted != Waiting::Nothing) list(wanted).arm(connection, now_);
}

bool Loop::kept_pace(const Connection& connection, Nanos window) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::duration<double>>(window).count();
  const double expected = seconds * static_cast<double>(settings_.limits.min_rate_bytes_per_second);
  return connection.moved > 0 && static_cast<double>(connection.moved) >= expected;
}

void Loop::ran_out(Connection& connection) {
  const CrashTable::Hold hold(crash_table_, connection);
  const Waiting waiting = connection.waiting;
  disarm(connection);
  switch (waiting) {
    case Waiting::FirstByte:
      count(Expiry::FirstByte);
      obey(connection, connection.protocol->expired(Patience::Idle));
      break;
    case Waiting::Idle:
      count(Expiry::Idle);
      obey(connection, connection.protocol->expired(Patience::Idle));
      break;
    case Waiting::Head:
      count(Expiry::Head);
      obey(connection,
           connection.preamble ? Verdict::CloseNow : connection.protocol->expired(Patience::Head));
      break;
    case Waiting::Body:
      if (!kept_pace(connection, settings_.limits.body)) {
        count(Expiry::Body);
        obey(connection, connection.protocol->expired(Patience::Body));
        if (connection.running != nullptr) connection.running->wake_slot();
        take_request(connection, now_);
      }
      break;
    case Waiting::Write:
      if (kept_pace(connection, settings_.limits.write)) break;
      count(Expiry::Write);
      return break_off(connection);
    case Waiting::Linger:
      count(Expiry::Linger);
      return break_off(connection);
    case Waiting::Farewell:
      return break_off(connection);
    case Waiting::Nothing:
    case Waiting::Count:
      break;
  }
  settle(connection);
}

}  // namespace winghorn
