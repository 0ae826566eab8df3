// exchange.h: one request and its response, the only thing that the loop's owner and a slot share.
//
// The owner (through a Protocol) fills head and body and collects the reply; the slot reads and writes
// the other ends. Neither touches the other's: a slot never sees a socket, the owner never sees Python.
//
//   owner: open() -> head complete -> body.put()... -> ready ------------> collect()... -> close()
//   slot:                                               run(): body.take(), reply.start/write/finish
//
// A slot that must wait calls await_body() or await_room(): they put the loop down first, so that no
// client waits for what this one waits for (rule A5), and return when there is something to look at, or
// when a signal handler ran on this thread: what it stands for may be the application's to see first.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/http/body_pipe.h"
#include "core/http/deadline.h"
#include "core/http/head.h"
#include "core/http/limits.h"
#include "core/http/reply_pipe.h"

namespace winghorn {

class Exchange;

// What a running exchange may ask of the engine. Called on the slot's own thread, during run() only.
class Slot {
 public:
  virtual ~Slot() = default;
  // This thread is about to wait for its client: somebody else must run the loop.
  virtual void put_loop_down() = 0;
  // It has stopped waiting.
  virtual void taken_up() = 0;
  // The reply side holds something new, or the body side has room again.
  virtual void published(Exchange& exchange) = 0;
  // The application made progress (gave an item, took a block): the worker is not stuck.
  virtual void progress() = 0;
  // Around taking the interpreter lock: a thread that waits for it long is what "stuck" means for
  // worker classes with threads.
  virtual void wants_interpreter(bool waiting) = 0;
  // Which of the worker's slots this is.
  virtual unsigned number() const = 0;
};

class Exchange {
 public:
  Exchange(const Limits& limits, const SpillPlace& spill) : limits_(limits), spill_(spill) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Makes it fresh for the next request.
  void reset(std::uint64_t id, const ConnectionInfo& connection);
  // Over: gives back what an idle one need not keep.
  void release();

  // Request side; written by the protocol before the exchange is ready, read-only after.
  std::string
      head_bytes;  // what head's views point into; an earlier request's until it has its own
  RequestHead head;
  BodyPipe body;
  ReplyPipe reply;
  Deadline deadline;
  std::uint32_t board_row = ~std::uint32_t{0};  // where the world may read of it; this: nowhere

  std::uint64_t id() const { return id_; }
  const ConnectionInfo& connection() const { return *connection_; }
  Client client() const {
    if (head.client) return *head.client;
    if (const ProxiedEnds* const ends = connection_->proxied.get()) {
      return {ends->client_address, ends->client_port};
    }
    return {connection_->peer_address, connection_->peer_port};
  }
  const Limits& limits() const { return limits_; }

  // Exactly one of these succeeds: a slot begins to run it, or the owner takes it back, answered or not.
  bool begin(Instant now) {
    if (!claim(Claim::Begun)) return false;
    begun_at_.store(to_word(now), std::memory_order_relaxed);
    return true;
  }
  bool withdraw() { return claim(Claim::Withdrawn); }

  // How long it had waited when a slot began it, or until `now`, if none has: here, and before that at a proxy
  // that says so. Anybody, once it was handed out.
  Nanos queue_time(Instant now) const {
    const std::uint64_t begun = begun_at_.load(std::memory_order_relaxed);
    return notes.waited_before + ((begun == 0 ? now : from_word(begun)) - notes.ready);
  }

  // Slot side. Both may be called with nothing to wait for; both return early on discard(). False: a
  // signal handler ran on this thread, and the wait may not be over.
  bool await_body(Slot& slot);  // until bytes are there or the body has ended
  bool await_room(Slot& slot);  // until the client has taken enough of the reply
  // Tells a client that holds its body back to send it; await_body() does so too.
  void ask_for_body(Slot& slot);

  // Owner side: the client sends no more. It may still read, but mostly it has gone.
  void note_client_ended() { client_ended_.store(true, std::memory_order_relaxed); }
  bool client_ended() const { return client_ended_.load(std::memory_order_relaxed); }

  // The application has its client's socket and talks by itself: no answer of ours may follow. False: the
  // client has been answered already, at its deadline.
  bool leave_client_to_application() {
    if (!deadline.lift()) return false;
    reply.leave_to_application();
    return true;
  }
  bool client_is_left() const { return reply.is_applications(); }

  // Owner side: body, reply or connection changed in a way that a waiting slot wants to see.
  void wake_slot();

  // For whoever runs loops over exchanges (engine): its own notes. Touched by the owner alone; the first few do
  // not change once it is handed out.
  struct OwnerNotes {
    std::uint32_t connection_index = 0;
    std::uint32_t connection_generation = 0;
    Instant ready;          // could run
    Nanos waited_before{};  // at a trusted proxy
    int reply_status = 0;   // for the access line
    std::uint64_t reply_bytes = 0;
    ReplyHead reply_head;    // likewise; empty when the protocol had no use for one
    bool given_out = false;  // a slot has it, or it waits for one
    bool taken_in = false;   // another worker had it and had let it wait
    bool sent = false;       // the protocol has nothing more to do with it
    bool home = false;       // the slot has nothing more to do with it
    bool overdue = false;    // answered at its deadline: what its slot still does is for nobody
    bool recorded = false;   // its access line is written
    std::string refusal;     // why the protocol answered instead of the application, or empty
  } notes;
  std::atomic<unsigned> home_marks{0};  // for Homecoming
  std::size_t pool_place = 0;           // for ExchangePool

 private:
  enum class Claim : std::uint8_t { Open, Begun, Withdrawn };

  bool claim(Claim wanted) {
    Claim expected = Claim::Open;
    return claim_.compare_exchange_strong(expected, wanted, std::memory_order_acq_rel);
  }
  template <class Done>
  bool await(Slot& slot, Done done);

  const Limits& limits_;
  const SpillPlace& spill_;
  const ConnectionInfo* connection_ = nullptr;
  std::uint64_t id_ = 0;
  std::atomic<std::uint32_t> bell_{0};
  std::atomic<bool> slot_waits_{false};
  std::atomic<bool> body_asked_for_{false};  // any thread of the application's may be first
  std::atomic<Claim> claim_{Claim::Open};
  std::atomic<std::uint64_t> begun_at_{0};  // 0: not
  std::atomic<bool> client_ended_{false};
};

// Exchanges of one worker: made when needed, kept for the next request. The loop's owner alone uses it.
class ExchangePool {
 public:
  ExchangePool(const Limits& limits, SpillPlace spill)
      : limits_(limits), spill_(std::move(spill)) {}

  Exchange* open(const ConnectionInfo& connection);
  void close(Exchange* exchange);
  std::size_t in_use() const { return all_.size() - free_.size(); }

 private:
  static constexpr std::size_t kKept = 256;  // idle ones beyond this go back to the allocator

  const Limits& limits_;
  SpillPlace spill_;
  std::uint64_t next_id_ = 1;
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> free_;
};

}  // namespace winghorn
