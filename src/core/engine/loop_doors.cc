// SPDX-License-Identifier: MIT
// Where connections come from: listeners, and siblings that cannot serve them; and how they leave for a sibling.
#include <fmt/format.h>
#include <sys/socket.h>

#include <utility>

#include "core/engine/handover.h"
#include "core/engine/loop.h"
#include "core/log/log.h"

namespace winghorn {
namespace {

constexpr int kAcceptsPerTurn = 64;  // then connections have theirs
constexpr Millis kPatienceForSiblings{50};

}  // namespace

// ---- listeners ----

bool Loop::has_room() {
  // Where nothing can run any more, what waits is for this worker's successor.
  if (draining_ || now_ < accept_paused_until_ || !slots_.can_serve()) return false;
  if (!is_crowded() || longest_idle() != nullptr) return true;
  tell_of_pause();
  return false;
}

// The kernel's queues are those that every worker can take from; only when nobody has been free for a while is
// it better to have a request here meanwhile, where its clocks run.
Loop::Welcome Loop::welcome() {
  if (!has_room()) return {};
  if (slots_.free_slots() > 0) {
    all_busy_ = false;
    return {true, true};
  }
  if (!all_busy_) {
    all_busy_ = true;
    all_busy_since_ = now_;
  }
  const bool is_long = now_ - all_busy_since_ >= kPatienceForSiblings;
  return {is_long && !slots_.others_have_free_slots(),
          slots_.is_first_to_take() || (is_long && !slots_.others_keep_moving())};
}

// One that has said nothing yet is enough for a turn: siblings look at the same queue, and a burst taken by
// whoever woke first would stay with it for as long as its clients keep their connections.
bool Loop::may_accept(const Source& source) {
  // A request that comes here while others are free is handed over to them; its connection is not.
  if (source.socket.is_own) return has_room();
  return welcome().connections && (all_busy_ || accepted_silent_ == 0);
}

// A client that waits is worth more than one that may never say anything again. False: none is idle.
bool Loop::close_longest_idle() {
  DeadlineNode* const node = longest_idle();
  if (node != nullptr) ran_out(static_cast<Connection&>(*node));
  return node != nullptr;
}

DeadlineNode* Loop::longest_idle() {
  DeadlineNode* const kept = list(Waiting::Idle).oldest();
  return kept != nullptr ? kept : list(Waiting::FirstByte).oldest();
}

// True: there is room now.
bool Loop::make_room() {
  ++accepted_now_;
  if (close_longest_idle()) return true;
  pause_accepting();
  return false;
}

bool Loop::accept_next() {
  if (take_in_next()) return true;
  for (std::size_t tried = 0; tried < sources_.size(); ++tried) {
    // Each has its turn: a flood at one listener is not the others' trouble.
    Source& source = sources_[next_source_++ % sources_.size()];
    if (source.pending && accept_from(source)) return true;
  }
  accepted_now_ = 0;
  return false;
}

// False: not from there now.
bool Loop::accept_from(Source& source) {
  source.pending = accepted_now_ < kAcceptsPerTurn && may_accept(source);
  if (!source.pending) return false;
  Accepted accepted;
  switch (accept_one(source.socket.fd.get(), accepted)) {
    case AcceptOutcome::Taken:
      ++accepted_now_;
      if (is_crowded()) close_longest_idle();
      welcome_in(adopt(source, accepted));
      return true;
    case AcceptOutcome::TryAgain:
      ++accepted_now_;
      return true;
    case AcceptOutcome::NoneWaiting:
      break;
    case AcceptOutcome::OutOfResource:
      if (make_room()) return true;
      break;
  }
  source.pending = false;
  return false;
}

void Loop::welcome_in(Connection& connection) {
  if (is_one_too_many(connection)) return destroy(connection);
  count_in(connection);
  service(connection);
  if (ready_.empty()) ++accepted_silent_;
}

Connection& Loop::adopt(Source& source, Accepted& accepted) {
  ConnectionInfo ends;
  ends.peer_address = std::move(accepted.peer_address);
  ends.peer_port = std::move(accepted.peer_port);
  ends.is_unix = accepted.is_unix;
  if (source.socket.address.empty()) {
    LocalEnd end = local_end(accepted.socket.get());
    ends.local_address = std::move(end.address);
    ends.local_port = std::move(end.port);
  } else {
    ends.local_address = source.socket.address;
    ends.local_port = source.socket.port;
  }
  const HeadFormat* const heads = dialect_.of_peer(ends);
  Connection& connection = admit(std::move(accepted.socket), std::move(ends), heads);
  if (settings_.proxy_protocol.any()) {
    connection.preamble =
        std::make_unique<proxy::HeaderReader>(settings_.proxy_protocol, settings_.limits);
  }
  return connection;
}

Connection& Loop::admit(Fd socket, ConnectionInfo ends, const HeadFormat* heads) {
  if (free_places_.empty()) {
    free_places_.push_back(static_cast<std::uint32_t>(table_.size()));
    table_.emplace_back();
  }
  const std::uint32_t place = free_places_.back();
  free_places_.pop_back();
  auto connection = std::make_unique<Connection>();
  connection->index = place;
  connection->generation = ++generations_ & 0x7fffffff;  // the listeners' tokens have the top bit
  connection->socket = std::move(socket);
  ConnectionInfo& info = connection->info = std::move(ends);
  info.socket = connection->socket.get();
  info.trusted_forwarder = trusted_.trusts(info.peer_address, info.is_unix);
  connection->protocol = std::make_unique<http1::Session>(session_config_, info, pool_, heads);
  ++connections_in_use_;
  table_[place] = std::move(connection);
  crash_table_.add(*table_[place]);
  return *table_[place];
}

// Who speaks for others may have as many as those.
bool Loop::counts(const ConnectionInfo& ends) const {
  return peers_.is_on() && !ends.is_unix && !ends.trusted_forwarder;
}

void Loop::count_in(Connection& connection) {
  connection.is_counted = counts(connection.info);
  if (connection.is_counted) peers_.add(connection.info.peer_address);
}

bool Loop::is_one_too_many(const Connection& connection) {
  const ConnectionInfo& ends = connection.info;
  if (!counts(ends) || peers_.has_room(ends.peer_address)) return false;
  ++peers_refused_;
  if (now_ - last_crowd_told_ >= Seconds(1)) {
    last_crowd_told_ = now_;
    log::warning("A connection from {} is closed: it has {} (setting limit_peer_connections)",
                 ends.peer_address, settings_.limits.peer_connections);
  }
  return true;
}

void Loop::watch_doors() {
  const Welcome wanted = welcome();
  for (std::size_t place = 0; place < sources_.size(); ++place) {
    Source& source = sources_[place];
    const bool is_open = source.socket.is_own ? has_room() : wanted.connections;
    watch(source, source.socket.fd.get(), kListenerBit | place, is_open);
  }
  watch(inbox_, siblings_.receiving_end(), kInboxToken, wanted.requests);
}

void Loop::watch(Door& door, int fd, std::uint64_t token, bool wanted) {
  if (door.watched == wanted || fd < 0) return;
  if (poller_.change(fd, token, wanted ? Interest::Read : Interest::Nothing).ok()) {
    door.watched = wanted;
  }
}

void Loop::pause_accepting() {
  accept_paused_until_ = now_ + kPauseWithoutDescriptors;
  tell_of_pause();
}

void Loop::tell_of_pause() {
  if (now_ - last_pause_told_ < Seconds(1)) return;
  last_pause_told_ = now_;
  log::say(log::Level::Warning,
           "Accepting is paused: no descriptors left, or worker_connections reached (" +
               std::to_string(connections_in_use_) + " connections)");
}

Status Loop::open_own_listeners() {
  for (const Source& source : sources_) {
    const ListeningSocket& socket = source.socket;
    if (socket.is_own && ::listen(socket.fd.get(), socket.backlog) != 0) {
      return failure(fmt::format("listen at {}:{}", socket.address, socket.port));
    }
  }
  return Nothing{};
}

void Loop::close_listeners() {
  for (Source& source : sources_) {
    if (source.socket.fd) poller_.remove(source.socket.fd.get());
    source = Source{};
  }
}

// ---- requests of siblings ----

// They have waited longer than who stands at the listeners.
bool Loop::take_in_next() {
  inbox_.pending = inbox_.pending && accepted_now_ < kAcceptsPerTurn && welcome().requests;
  if (!inbox_.pending) return false;
  switch (take_in()) {
    case FdChannel::Received::Message:
    case FdChannel::Received::Lost:
      // Mostly there was one; if not, the poller says so at the next look, and looking here costs more.
      inbox_.pending = false;
      ++accepted_now_;
      return true;
    case FdChannel::Received::Nothing:
      break;
    case FdChannel::Received::OutOfResource:
      if (make_room()) return true;
      break;
  }
  inbox_.pending = false;
  return false;
}

FdChannel::Received Loop::take_in() {
  Arrival arrival;
  const FdChannel::Received received = receive_request(siblings_, arrival);
  if (received == FdChannel::Received::Lost) {
    log::error("A request from another worker came without its connection: it is lost");
  }
  if (received != FdChannel::Received::Message) return received;
  if (is_crowded()) close_longest_idle();
  ++taken_in_;
  Connection& connection =
      admit(std::move(arrival.socket), std::move(arrival.ends), dialect_.of_sibling());
  count_in(connection);
  const CrashTable::Hold hold(crash_table_, connection);
  connection.input_ended = arrival.request.input_ended;
  connection.readable = false;  // the poller tells if there is more, when it is asked to
  obey(connection, connection.protocol->take_up(arrival.request, std::move(arrival.body_file)));
  if (connection.socket) take_request(connection, arrival.ready);
  if (connection.running != nullptr) connection.running->notes.taken_in = true;
  settle(connection);
  return received;
}

Loop::Handover Loop::hand_over(Exchange& exchange) {
  Connection& connection = owner_of(exchange);
  const CrashTable::Hold hold(crash_table_, connection);
  if (connection.state == ConnectionState::Broken) {
    destroy(connection);
    return Handover::Left;
  }
  const bool is_sound = connection.state == ConnectionState::Open && !connection.broken_hint;
  const std::optional<UnbegunRequest> request =
      is_sound && siblings_ ? connection.protocol->unbegun() : std::nullopt;
  if (!request) return Handover::Stays;
  // Before it is another's: what its next owner sees there would wake this poller too.
  if (std::exchange(connection.registered, false)) poller_.remove(connection.socket.get());
  const Departure departure{connection.info, connection.socket.get(), exchange.notes.ready,
                            *request};
  if (!send_request(siblings_, departure)) {
    keep_an_eye_on(exchange);
    return Handover::NoRoom;
  }
  ++handed_over_;
  connection.state = ConnectionState::Departed;
  exchange.notes.recorded = true;  // its line is its next owner's to write
  destroy(connection);
  return Handover::Left;
}

}  // namespace winghorn
