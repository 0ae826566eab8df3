// loop.h: a worker's event loop: everything that belongs to whoever runs it (S in loop_ownership.h).
//
// No thread and no lock of its own: the engine sees to it that one thread at a time is here. Nothing
// here blocks but poll(), and nothing here calls foreign code; an exchange that could run is given to the
// caller by next_ready(), one at a time, and comes back by finished_inline() or through Homecoming.
//
//   owner:  while (Exchange* x = next_ready()) run it...;  flush(); fire_clocks(); poll();
//
// Replies are collected and sent together by flush(), at the end of a batch or when they get old.
// After fork() the child must not touch it: close_in_child() closes its descriptors and nothing else.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/engine/access_recorder.h"
#include "core/engine/connection.h"
#include "core/engine/crash_table.h"
#include "core/engine/dialect.h"
#include "core/engine/engine_settings.h"
#include "core/engine/handover.h"
#include "core/engine/homecoming.h"
#include "core/engine/last_words.h"
#include "core/engine/peer_counts.h"
#include "core/engine/request_clocks.h"
#include "core/engine/request_rows.h"
#include "core/engine/trusted_peers.h"
#include "core/http/error_page.h"
#include "core/http/exchange.h"
#include "core/http1/session.h"
#include "core/net/accepting.h"
#include "core/net/fd_channel.h"
#include "core/net/poller.h"
#include "core/net/stream.h"

namespace winghorn {

struct ListeningSocket {
  Fd fd;
  std::string address;  // as bound; empty when each accepted socket has its own
  std::string port;
  bool is_unix = false;
  // Of this worker alone (reuse_port): nobody else takes what waits there. It listens from the start on,
  // when the worker's signals are in place: what ends it before that must not find anybody waiting.
  bool is_own = false;
  int backlog = 0;  // of such a one
};

// How a worker that is to go treats connections that are idle.
enum class Drain : std::uint8_t {
  No,
  Gently,     // others serve on: what waits in the shared queue is theirs
  ToTheLast,  // nobody serves on: what waits in the queue is answered first
  AtOnce,
};

class Loop {
 public:
  // Asked by the loop, on the thread that runs it; answered by the engine.
  class Slots {
   public:
    virtual ~Slots() = default;
    virtual unsigned free_slots() const = 0;  // of this worker, now
    virtual bool others_have_free_slots() const = 0;
    // None may be free, but what comes now would begin sooner than at any sibling.
    virtual bool is_first_to_take() const = 0;
    virtual bool others_keep_moving() const = 0;
    // False: every slot runs something that does not end.
    virtual bool can_serve() const = 0;
    // Takes it out of the queue for a slot; false: a slot has it.
    virtual bool take_back(Exchange& exchange) = 0;
    // Its deadline has passed, and its client, if it is still there, is being answered.
    virtual void overdue(const Exchange& exchange) = 0;
    virtual void slow(const Exchange& exchange) = 0;
    // The process dies of a fault on another thread, whose handler answers the clients. Never returns.
    virtual void stay_out() = 0;
  };

  // Where connections come from.
  struct Doors {
    std::vector<ListeningSocket> listeners;
    FdChannel siblings;  // or none
  };

  Loop(const EngineSettings& settings, Doors doors, Poller poller, Homecoming& homecoming,
       Slots& slots, RequestRows rows);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Once, before anything else. `doorbells`: descriptors whose readiness ends a poll(); whoever polls
  // reads them.
  Status open(const std::vector<int>& doorbells);

  // Reads what the batch has brought, then gives out the exchanges that could run. Null: it is done.
  Exchange* next_ready();
  // The exchange that was run between leave() and come_back() is done.
  void finished_inline(Exchange& exchange, Instant now);
  // Before leave(): which exchange the caller is about to run, so that a takeover can serve it.
  void running_inline(Exchange* exchange) { inline_ = exchange; }
  // After a takeover: the exchange above runs on without the loop; its reply and body are looked after.
  void adopt_inline();

  void flush();
  bool flush_is_due(Instant now) const {
    return !deferred_.empty() &&
           (now - oldest_deferred_ >= Millis(1) || deferred_bytes_ >= settings_.limits.batch_bytes);
  }
  bool has_deferred() const { return !deferred_.empty(); }
  void fire_clocks();
  // Waits for events, at most `most` and no longer than the next clock. False: a signal handler ran.
  bool poll(Millis most);
  bool batch_empty() const;

  // Take no more connections, or only those that the kernel has queued. Those there are close after
  // their next reply; idle ones when they have had a moment to send a last request, or at once.
  void drain(Drain how);
  Status open_own_listeners();
  void close_listeners();
  bool draining() const { return draining_; }
  // But for those that only wait for an overdue exchange.
  bool empty() const { return connections_in_use_ == connections_kept_; }

  // The worker is going: every request that has not been answered gets an answer from the server, those
  // that a slot has begun one status, complete ones that none has begun another; the rest is closed.
  struct Farewell {
    int begun = 504;
    int not_begun = 503;
  };
  void answer_everything(const Farewell& farewell);
  // Null: no connection waits for it any more.
  const Exchange* find_running(std::uint64_t exchange) const;

  // The handler of a crash, on any thread, whoever runs the loop; async-signal-safe.
  void say_last_words(Instant end);
  void listen_to_the_last() { LastWords::listen(crash_table_); }
  // Afterwards, any thread: whose exchange that is, null when the loop's owner was at work on it; and how
  // many were answered that had not begun.
  const Connection* find_stopped(std::uint64_t exchange);
  unsigned turned_away();

  std::size_t connections() const { return connections_in_use_; }
  std::uint64_t requests_done() const { return requests_done_; }
  std::uint64_t requests_refused() const { return requests_refused_; }
  // Answers a ready exchange that no slot will run.
  void refuse(Exchange& exchange, int status);
  // Passes one that no slot of this worker has, with its connection, to whichever sibling is free first.
  enum class Handover : std::uint8_t {
    Left,    // it is not this worker's any more (or its client had gone, and it is nobody's)
    Stays,   // it can be served here only
    NoRoom,  // neither it nor any other just now
  };
  Handover hand_over(Exchange& exchange);
  // Nothing that somebody has handed over is still on its way.
  bool siblings_are_up_to_date() const { return siblings_.is_empty(); }
  std::uint64_t handed_over() const { return handed_over_; }
  std::uint64_t taken_in() const { return taken_in_; }
  const ExpiryCounts& expiries() const { return expiries_; }
  std::uint64_t peers_refused() const { return peers_refused_; }
  // It waits or runs for long: see to it that its client's going is noticed.
  void keep_an_eye_on(const Exchange& exchange);
  // After any fork in this process: a child may hold our sockets, so closing must say so to the kernel.
  void note_fork() { forked_.store(true, std::memory_order_relaxed); }
  void close_in_child();

 private:
  struct Door {
    bool watched = false;
    bool pending = false;  // the kernel said that somebody waits there
  };
  struct Source : Door {
    ListeningSocket socket;
  };

  // Tokens.
  static constexpr std::uint64_t kHomeToken = ~std::uint64_t{0};
  static constexpr std::uint64_t kDoorbellToken = kHomeToken - 1;
  static constexpr std::uint64_t kInboxToken = kHomeToken - 2;
  static constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63;

  // Input.
  void handle(const Ready& event);
  void service(Connection& connection);
  bool read_once(Connection& connection);
  Verdict consume(Connection& connection, Bytes arrived);
  bool more_may_come(const Connection& connection, const Transfer& got) const;
  void obey(Connection& connection, Verdict verdict);
  void take_request(Connection& connection, Instant ready);
  void note_arrival(Connection& connection);
  void find_client(Exchange& exchange, const ConnectionInfo& ends) const;
  void want_service(Connection& connection);
  void throw_input_away(Connection& connection);

  // Accepting.
  bool accept_next();
  bool accept_from(Source& source);
  bool take_in_next();
  FdChannel::Received take_in();
  bool may_accept(const Source& source);
  bool has_room();
  struct Welcome {
    bool connections = false;
    bool requests = false;  // that siblings hand over
  };
  Welcome welcome();
  bool is_crowded() const { return connections_in_use_ >= settings_.limits.connections; }
  DeadlineNode* longest_idle();
  bool close_longest_idle();
  bool make_room();
  Connection& adopt(Source& source, Accepted& accepted);
  Connection& admit(Fd socket, ConnectionInfo ends, const HeadFormat* heads);
  void watch_doors();
  void watch(Door& door, int fd, std::uint64_t token, bool wanted);
  static constexpr Millis kPauseWithoutDescriptors{100};
  void welcome_in(Connection& connection);
  bool counts(const ConnectionInfo& ends) const;
  void count_in(Connection& connection);
  bool is_one_too_many(const Connection& connection);
  void pause_accepting();
  void tell_of_pause();
  void take_in_all_that_wait();
  void accept_all_that_wait(Source& source);
  void empty_own_listeners();

  // Output.
  void deliver(Exchange& exchange);
  void want_flush(Connection& connection);
  void send_out(Connection& connection);
  bool send_some(Connection& connection);
  void reap_finished(Connection& connection);
  void come_home(Exchange& exchange);
  void look_after(Exchange& exchange);
  void fire_request_clocks();
  void deadline_has_passed(Exchange& exchange);
  bool has_waited_too_long(const Exchange& exchange) const;
  void turn_away(Exchange& exchange);
  void take_leave(Connection& connection);
  void record(Exchange& exchange);
  void note_reply(const Exchange& exchange);
  void drain_home();
  void complete(Connection& connection);
  void give_back(Exchange* exchange);

  // The end of connections.
  void break_off(Connection& connection);
  void close_politely(Connection& connection);
  void close(Connection& connection);
  void keep_for_its_exchange(Connection& connection);
  void destroy(Connection& connection);

  // Clocks.
  void settle(Connection& connection);
  void disarm(Connection& connection);
  Waiting wanted_clock(const Connection& connection) const;
  void ran_out(Connection& connection);
  bool kept_pace(const Connection& connection, Nanos window) const;
  void count(Expiry expiry) { ++expiries_[static_cast<std::size_t>(expiry)]; }
  DeadlineList& list(Waiting waiting) { return clocks_[static_cast<std::size_t>(waiting)]; }

  bool watch(Connection& connection);
  Connection* find(std::uint64_t token);
  Connection& owner_of(const Exchange& exchange);
  void answer_by_server(Exchange& exchange, int status);
  static ErrorPage page_for(int status);
  static constexpr int kCrashed = 502;
  static constexpr int kNotBegun = 503;

  const EngineSettings& settings_;
  Homecoming& homecoming_;
  Slots& slots_;
  ExchangePool pool_;
  http1::SessionConfig session_config_;
  CrashTable crash_table_;
  LastWords last_words_;
  AccessRecorder recorder_;
  RequestRows rows_;
  RequestClocks request_clocks_;
  TrustedPeers trusted_;
  PeerCounts peers_;
  Dialect dialect_;
  TrustedPeers balancers_;  // may send a PROXY header
  Poller poller_;
  std::vector<Source> sources_;
  FdChannel siblings_;
  Door inbox_;  // of siblings_

  std::vector<std::unique_ptr<Connection>> table_;
  std::vector<std::uint32_t> free_places_;
  std::size_t connections_in_use_ = 0;
  std::size_t connections_kept_ = 0;                 // of them
  std::vector<std::unique_ptr<Connection>> doomed_;  // freed when no event can name them

  std::array<Ready, 128> events_;
  int event_count_ = 0;
  int event_next_ = 0;
  std::deque<Exchange*> ready_;
  std::uint64_t ready_bytes_ = 0;  // of bodies, since it was empty
  std::deque<Connection*> again_;  // want another turn
  std::size_t again_left_ = 0;     // of them, this turn
  std::vector<Connection*> deferred_;
  std::vector<Connection*> flushing_;
  Instant oldest_deferred_;
  std::uint64_t deferred_bytes_ = 0;  // of bodies, at least those of deferred_
  std::array<DeadlineList, static_cast<std::size_t>(Waiting::Count)> clocks_;
  std::vector<char> buffer_;  // of one read
  Exchange* inline_ = nullptr;

  Instant now_;
  Instant accept_paused_until_;
  Instant last_pause_told_;
  Instant all_busy_since_;
  bool all_busy_ = false;
  unsigned accepted_silent_ = 0;  // this turn: connections that had nothing to say yet
  int accepted_now_ = 0;          // this turn
  std::uint32_t generations_ = 0;
  std::size_t next_source_ = 0;
  bool draining_ = false;
  bool leaving_ = false;  // the process is about to end
  std::uint64_t requests_done_ = 0;
  std::uint64_t requests_refused_ = 0;  // given no slot: too many waited, or too long
  std::uint64_t handed_over_ = 0;
  std::uint64_t taken_in_ = 0;
  ExpiryCounts expiries_{};
  std::uint64_t peers_refused_ = 0;  // connections
  Instant last_crowd_told_;          // of one peer
  std::atomic<bool> forked_{false};
};

}  // namespace winghorn
