// SPDX-License-Identifier: MIT
// What comes in: events, bytes, requests. Where connections come from is in loop_doors.cc, what goes out in
// loop_output.cc, what happens when nothing does in loop_clocks.cc.
#include "core/engine/loop.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/http/request_start.h"
#include "core/log/log.h"
#include "core/net/stream.h"

namespace winghorn {
namespace {

std::uint64_t token_of(const Connection& connection) {
  return std::uint64_t{connection.generation} << 32 | connection.index;
}

Nanos wall_clock() { return std::chrono::system_clock::now().time_since_epoch(); }

// Negative is for ever.
Millis shorter(Millis patience, Millis other) {
  return patience < Millis(0) ? other : std::min(patience, other);
}

}  // namespace

Loop::Loop(const EngineSettings& settings, Doors doors, Poller poller, Homecoming& homecoming,
           Slots& slots, RequestRows rows)
    : settings_(settings),
      homecoming_(homecoming),
      slots_(slots),
      pool_(settings.limits, SpillPlace{settings.spill_directory}),
      session_config_{settings.limits, settings.strictness, settings.header_policy,
                      settings.server_name, settings.keep_alive},
      crash_table_([&slots] { slots.stay_out(); }),
      last_words_(session_config_, page_for(kCrashed), page_for(kNotBegun)),
      recorder_(settings.access_format),
      rows_(std::move(rows)),
      request_clocks_(settings.request_times),
      trusted_(settings.forwarded_allow_ips),
      peers_(settings.limits.peer_connections),
      dialect_(settings),
      balancers_(settings.proxy_allow_ips),
      poller_(std::move(poller)),
      siblings_(std::move(doors.siblings)),
      buffer_(settings.limits.read_bytes),
      now_(winghorn::now()) {
  const Limits& limits = settings.limits;
  list(Waiting::FirstByte).set_patience(limits.first_byte);
  list(Waiting::Idle).set_patience(limits.keepalive);
  list(Waiting::Head).set_patience(limits.head);
  list(Waiting::Body).set_patience(limits.body);
  list(Waiting::Write).set_patience(limits.write);
  list(Waiting::Linger).set_patience(limits.linger);
  list(Waiting::Farewell).set_patience(limits.farewell);
  for (ListeningSocket& socket : doors.listeners) sources_.push_back({{}, std::move(socket)});
}

Status Loop::open(const std::vector<int>& doorbells) {
  if (Status added = poller_.add(homecoming_.fd(), kHomeToken, Interest::Read); !added)
    return added;
  for (const int doorbell : doorbells) {
    if (Status added = poller_.add(doorbell, kDoorbellToken, Interest::EdgeRead); !added)
      return added;
  }
  const auto add_door = [this](Door& door, int fd, std::uint64_t token) {
    Status added = poller_.add(fd, token, Interest::Read);
    door.watched = added.ok();
    return added;
  };
  for (std::size_t place = 0; place < sources_.size(); ++place) {
    Source& source = sources_[place];
    if (Status added = add_door(source, source.socket.fd.get(), kListenerBit | place); !added)
      return added;
  }
  return siblings_ ? add_door(inbox_, siblings_.receiving_end(), kInboxToken) : Nothing{};
}

Loop::~Loop() {
  for (auto& connection : table_) {
    if (connection != nullptr) destroy(*connection);
  }
}

bool Loop::batch_empty() const {
  return ready_.empty() && again_left_ == 0 && event_next_ == event_count_ && !inbox_.pending &&
         std::none_of(sources_.begin(), sources_.end(), [](const Source& s) { return s.pending; });
}

bool Loop::poll(Millis most) {
  CHECK(event_next_ == event_count_);
  doomed_.clear();
  accepted_silent_ = 0;
  watch_doors();
  Millis patience = again_.empty() && deferred_.empty() ? most : Millis(0);
  if (now_ < accept_paused_until_) patience = shorter(patience, kPauseWithoutDescriptors);
  const auto no_later_than = [&patience](Instant moment) {
    const auto left = std::chrono::ceil<Millis>(moment - winghorn::now());
    patience = shorter(patience, std::max(left, Millis(0)));
  };
  for (const DeadlineList& clock : clocks_) {
    if (!clock.empty()) no_later_than(clock.first());
  }
  if (const std::optional<Instant> due = request_clocks_.next_due()) no_later_than(*due);
  event_next_ = event_count_ = 0;
  const int count = poller_.wait(events_, patience);
  now_ = winghorn::now();
  event_count_ = std::max(count, 0);
  again_left_ = again_.size();
  return count >= 0;
}

Exchange* Loop::next_ready() {
  while (true) {
    if (event_next_ < event_count_ && ready_bytes_ < settings_.limits.batch_bytes) {
      // All that has come is read before any of it runs, as all replies are sent together: what runs once
      // for each finds its code in the cache (5 % of a small request). Large bodies would push one another
      // out of it.
      handle(events_[static_cast<std::size_t>(event_next_++)]);
    } else if (fire_request_clocks(); !ready_.empty()) {
      Exchange* exchange = ready_.front();
      ready_.pop_front();
      if (ready_.empty()) ready_bytes_ = 0;
      Connection& connection = owner_of(*exchange);
      if (connection.state == ConnectionState::Broken) {
        destroy(connection);
      } else if (exchange->deadline.expire(now_)) {
        deadline_has_passed(*exchange);
      } else if (has_waited_too_long(*exchange)) {
        turn_away(*exchange);
      } else {
        exchange->notes.given_out = true;
        return exchange;
      }
    } else if (again_left_ > 0) {
      // Those that ask again meanwhile have the next turn: one fast sender is not all there is.
      --again_left_;
      Connection* connection = again_.front();
      again_.pop_front();
      connection->service_wanted = false;
      service(*connection);
    } else if (!accept_next()) {
      return nullptr;
    }
  }
}

void Loop::handle(const Ready& event) {
  if (event.token == kHomeToken) return drain_home();
  if (event.token == kDoorbellToken) return;
  if (event.token == kInboxToken) {
    inbox_.pending = inbox_.watched;
    return;
  }
  if ((event.token & kListenerBit) != 0) {
    const std::size_t place = event.token & ~kListenerBit;
    if (place < sources_.size() && sources_[place].watched) sources_[place].pending = true;
    return;
  }
  Connection* connection = find(event.token);
  if (connection == nullptr) return;
  if (event.broken) connection->broken_hint = true;
  if (event.ended) {
    connection->end_hint = true;
    if (connection->running != nullptr) connection->running->note_client_ended();
  }
  if (event.readable || event.broken) connection->readable = true;
  if (event.writable && !connection->writable) {
    connection->writable = true;
    want_flush(*connection);
  }
  if (connection->readable) service(*connection);
}

Connection* Loop::find(std::uint64_t token) {
  const std::size_t place = token & 0xffffffff;
  if (place >= table_.size() || table_[place] == nullptr) return nullptr;
  Connection* connection = table_[place].get();
  return connection->generation == token >> 32 ? connection : nullptr;
}

Connection& Loop::owner_of(const Exchange& exchange) {
  Connection* connection = table_[exchange.notes.connection_index].get();
  CHECK(connection != nullptr && connection->generation == exchange.notes.connection_generation);
  return *connection;
}

void Loop::service(Connection& connection) {
  const CrashTable::Hold hold(crash_table_, connection);
  for (std::size_t most = settings_.limits.read_bytes_per_turn; connection.readable;) {
    if (connection.state == ConnectionState::Lingering ||
        connection.state == ConnectionState::Closing) {
      throw_input_away(connection);
      break;
    }
    // Not hungry: what comes now waits in the kernel until the exchange in progress is done. A reset
    // is looked for all the same, so that work for a client that has gone is not begun.
    if (connection.state != ConnectionState::Open) break;
    if (!connection.protocol->hungry()) {
      if (connection.broken_hint) break_off(connection);
      break;
    }
    if (most < buffer_.size()) {
      want_service(connection);
      break;
    }
    most -= buffer_.size();
    if (!read_once(connection)) return;
    take_request(connection, now_);
  }
  settle(connection);
}

// Less than asked for: there is no more for now, and a change will be told. But an end that was told
// together with these bytes will not be told again.
bool Loop::more_may_come(const Connection& connection, const Transfer& got) const {
  return got.flow == Flow::Moved && (got.bytes == buffer_.size() || connection.end_hint);
}

// False: the connection is gone or must not be touched further in this turn.
bool Loop::read_once(Connection& connection) {
  const Transfer got = receive(connection.socket.get(), buffer_);
  connection.readable = more_may_come(connection, got);
  switch (got.flow) {
    case Flow::Moved:
      if (connection.waiting == Waiting::Body) connection.moved += got.bytes;
      obey(connection, consume(connection, Bytes(buffer_.data(), got.bytes)));
      if (connection.running != nullptr) connection.running->wake_slot();
      break;
    case Flow::Ended:
      connection.input_ended = true;
      if (connection.running != nullptr) connection.running->note_client_ended();
      obey(connection, connection.protocol->input_ended());
      if (connection.state == ConnectionState::Open && connection.running != nullptr) {
        connection.running->wake_slot();
      }
      break;
    case Flow::Blocked:
      break;
    case Flow::Broken:
      break_off(connection);
      break;
  }
  return connection.state != ConnectionState::Broken && connection.socket.get() >= 0;
}

Verdict Loop::consume(Connection& connection, Bytes arrived) {
  if (connection.preamble == nullptr) return connection.protocol->consume(arrived);
  const auto result = connection.preamble->feed(arrived);
  if (result == proxy::HeaderReader::Result::More) return Verdict::KeepGoing;
  const std::unique_ptr<proxy::HeaderReader> header = std::move(connection.preamble);
  const ConnectionInfo& ends = connection.info;
  if (result == proxy::HeaderReader::Result::Absent)
    return connection.protocol->consume(header->rest());
  if (!balancers_.trusts(ends.peer_address, ends.is_unix)) {
    return connection.protocol->reject(proxy_not_allowed(ends.peer_address));
  }
  if (result == proxy::HeaderReader::Result::Refused) {
    return connection.protocol->reject(header->refusal());
  }
  connection.info.proxied = header->ends();
  const Bytes rest = header->rest();
  return rest.empty() ? Verdict::KeepGoing : connection.protocol->consume(rest);
}

void Loop::obey(Connection& connection, Verdict verdict) {
  switch (verdict) {
    case Verdict::KeepGoing:
      if (connection.protocol->has_unsent()) want_flush(connection);
      break;
    case Verdict::FlushThenReset:
      connection.reset_at_end = true;
      [[fallthrough]];
    case Verdict::FlushThenClose:
      if (connection.state == ConnectionState::Open) connection.state = ConnectionState::Closing;
      if (connection.running == nullptr ||
          connection.running->body.state() != BodyState::Complete) {
        connection.input_owed = true;
      }
      want_flush(connection);
      break;
    case Verdict::CloseNow:
      break_off(connection);
      break;
  }
}

// `ready`: since when it could run.
void Loop::take_request(Connection& connection, Instant ready) {
  if (connection.running != nullptr || connection.state == ConnectionState::Broken) return;
  Exchange* exchange = connection.protocol->next_request();
  if (exchange == nullptr) return note_arrival(connection);
  exchange->notes.connection_index = connection.index;
  exchange->notes.connection_generation = connection.generation;
  exchange->notes.ready = ready;
  find_client(*exchange, connection.info);
  if (const Bytes start = exchange->head.request_start; !start.empty()) {
    exchange->notes.waited_before = waited_since(start, wall_clock()).value_or(Nanos(0));
  }
  connection.running = exchange;
  connection.had_request = true;
  rows_.hold(*exchange, ready);
  request_clocks_.begin(connection.clock, *exchange, ready);
  ready_.push_back(exchange);
  if (exchange->head.has_body()) ready_bytes_ += exchange->body.received();
}

void Loop::find_client(Exchange& exchange, const ConnectionInfo& ends) const {
  if (settings_.forwarded == ForwardedBy::Nobody || !ends.trusted_forwarder) return;
  const auto is_believed = [this](Bytes address) { return trusted_.names(std::string(address)); };
  // Whom the peer has named already speaks for itself, unless it is a proxy too.
  const bool is_named = exchange.head.client || ends.proxied;
  if (is_named && !is_believed(exchange.client().address)) return;
  if (const auto told = forwarded_client(exchange.head.fields, settings_.forwarded, is_believed)) {
    exchange.head.client = told;
  }
}

// Its body may take long, or never come, or it was refused: it is a request all the same.
void Loop::note_arrival(Connection& connection) {
  Exchange* exchange = connection.protocol->withheld();
  const bool is_new = exchange != nullptr && exchange->notes.ready == Instant();
  if (!is_new || exchange->head.method.empty()) return;
  exchange->notes.ready = now_;
  find_client(*exchange, connection.info);
  rows_.hold(*exchange, now_);
}

void Loop::want_service(Connection& connection) {
  if (connection.service_wanted) return;
  connection.service_wanted = true;
  again_.push_back(&connection);
}

void Loop::throw_input_away(Connection& connection) {
  const Transfer got = receive(connection.socket.get(), buffer_);
  connection.readable = more_may_come(connection, got);
  connection.lingered += got.bytes;
  // A reset now would destroy what of the answer is still on its way.
  const bool enough =
      connection.lingered > settings_.limits.linger_bytes && has_arrived(connection.socket.get());
  if (got.flow == Flow::Ended || got.flow == Flow::Broken) connection.input_ended = true;
  if (connection.state == ConnectionState::Closing && got.flow == Flow::Broken)
    break_off(connection);
  if (connection.state != ConnectionState::Lingering) return;
  if (enough || connection.input_ended) {
    close(connection);
  } else if (connection.readable) {
    want_service(connection);
  }
}

bool Loop::watch(Connection& connection) {
  if (connection.registered) return true;
  connection.registered =
      poller_.add(connection.socket.get(), token_of(connection), Interest::EdgeBoth).ok();
  return connection.registered;
}

// A request that takes long is worth knowing whether its client is still there.
void Loop::keep_an_eye_on(const Exchange& exchange) {
  Connection& connection = owner_of(exchange);
  if (connection.state == ConnectionState::Open && !watch(connection)) break_off(connection);
}

void Loop::close_in_child() {
  for (Source& source : sources_) source.socket.fd.reset();
  siblings_.close();
  poller_.close();
}

}  // namespace winghorn
