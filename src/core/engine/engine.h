// engine.h: serves requests in one worker: slots, the loop that feeds them, and the watchdog.
//
// Whoever is free runs the loop; the watchdog takes it when the application keeps its owner too long
// (the rules: loop_ownership.h). Use, on threads that the caller makes:
//
//   std::unique_ptr<Engine> engine = Engine::create(settings, place, application, events)...;
//   each slot's thread:  engine->run_slot(i);  // begins at start(), returns when the worker is to go
//   engine->await_slots();                     // if they have threads of their own: all have come in
//   engine->start(say_ready);                  // the watchdog; say_ready(), if any; slots serve
//   main thread, if it runs no slot:  engine->wait();  // returns likewise
//   engine->join();                            // or end the process: until then it is watched
//
// A crash is answered by crash(), from a signal handler (crash_report.h).
// Orders come over the lifeline (core/net/lifeline.h), or by order() from a signal handler.
// The end: a drained engine lets everybody return; at graceful_timeout, on SIGABRT and when the arbiter has
// died for a second, the watchdog answers what it can and leaves by WorkerEvents::leave().
// Fork: a child must call close_in_child() first and may do nothing else with it.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"
#include "core/engine/crash_report.h"
#include "core/engine/engine_settings.h"
#include "core/engine/homecoming.h"
#include "core/engine/loop.h"
#include "core/engine/overdue_requests.h"
#include "core/engine/slot_runner.h"
#include "core/http/application.h"
#include "core/net/fd_channel.h"
#include "core/net/wake.h"
#include "core/scoreboard/scoreboard.h"

namespace winghorn {

// What the worker's process does for the engine. Called on the watchdog's thread, without any lock.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  // Where every thread of the process stands, as text; empty when it cannot be had.
  virtual std::string stacks() = 0;
  // The same by the application's own means, soon if at all: asked for, and there once asked_stacks() says so.
  virtual void ask_for_stacks() {}
  virtual std::optional<std::string> asked_stacks() { return std::nullopt; }
  // Called by the main thread in wait(): a thread for this slot, to call run_slot(). False: there is none.
  virtual bool start_slot(unsigned slot) {
    (void)slot;
    return false;
  }
  virtual void reopen_logs() = 0;
  // On the watchdog's thread: it was told to go quickly; it has made no progress, and leave() is next.
  virtual void quitting() {}
  virtual void aborting() {}
  // Ends the process at once; never returns.
  [[noreturn]] virtual void leave(int code) = 0;
};

enum class WorkerOrder : unsigned char {
  Retire = 1,  // stop taking work, finish what there is
  Quit = 2,    // likewise, but within a second
  Abort = 4,   // no progress: answer the clients, say why, go
  Reopen = 8,  // the logs
  Stop = 16,   // as Retire, and nobody else will take what waits at the listeners
};

class Engine final : private Loop::Slots {
 public:
  struct Place {
    Scoreboard& board;
    unsigned seat;
    Fd lifeline;  // orders; its end is the arbiter's
    std::vector<ListeningSocket> listeners;
    FdChannel siblings = FdChannel();  // for requests that wait while another worker is free
    // Something is written here when a handler of the application's language waits to be run on the
    // main thread; without one, a signal that comes just before that thread sleeps is seen late.
    Fd signal_pipe = Fd();
  };

  // Fails when the machine has no descriptors or memory for what an engine waits on.
  static Result<std::unique_ptr<Engine>> create(EngineSettings settings, Place place,
                                                Application& application, WorkerEvents& events);
  ~Engine() override;

  Status start(const std::function<void()>& before_serving = {});
  void run_slot(unsigned slot);
  void await_slots();
  void wait();
  void join();

  // Async-signal-safe.
  void order(WorkerOrder order);
  // From the handler of a signal of which the process is to die: answers the clients and has the log written.
  // The caller then lets the process die. Once in a process, never in a child of it.
  void crash(const Crash& crash) { crash_.answer(crash); }
  bool on_watchdogs_thread() const;

  // Any thread: the application says that it gets on, although it has not returned.
  void note_progress();

  void note_fork() { loop_.note_fork(); }
  void close_in_child();

 private:
  friend class Watchdog;
  friend class OverdueRequests;
  friend class CrashReport;

  // What it waits on.
  struct Wakers {
    WakeSignal home;
    WakeSignal watchdog;
    WakeSignal orders;
    Poller poller;
  };
  Engine(EngineSettings settings, Place place, Application& application, WorkerEvents& events,
         Wakers wakers);

  // Slots.
  void come_in(SlotRunner& slot);
  void run_counted(SlotRunner& slot, Exchange& exchange, Instant now);
  bool thread_should_end(SlotRunner& slot);
  void own_loop(SlotRunner& slot);
  bool run_inline(SlotRunner& slot, Exchange& exchange);
  void run_as_guest(SlotRunner& slot, Exchange& exchange);
  bool let_signals_in(SlotRunner& slot);
  void note_call(const SlotRunner& slot, Nanos took);
  bool calls_are_long() const;

  // Whoever runs the loop.
  void obey_orders();
  bool orders_wait() const;
  bool finished_draining() const;
  void finish();
  void show_counts();
  void show_expiries();
  void queue_or_refuse(Exchange& exchange);

  // Several workers, one queue.
  void put_in_queue(Exchange& exchange);
  bool keeps_moving() const;
  // As SeatRow has it.
  std::uint64_t takes_before() const;
  unsigned takers_of(const Exchange& exchange) const;
  void share_queue();

  // The watchdog, to the main thread.
  void ask_to_look_for_signals();
  void ask_to_enter_interpreter(Instant now);
  void ring_main_thread();

  // Loop::Slots
  unsigned free_slots() const override;
  bool others_have_free_slots() const override;
  bool others_keep_moving() const override;
  bool is_first_to_take() const override;
  bool take_back(Exchange& exchange) override { return ownership_.take_back(&exchange); }
  bool can_serve() const override;
  void overdue(const Exchange& exchange) override;
  void slow(const Exchange& exchange) override;
  void stay_out() override;
  OverdueRequest describe(const Exchange& exchange, log::Incident::Kind kind) const;

  log::Incident describe_slot(const SlotRunner& slot, log::Incident::Kind kind) const;
  // The watchdog, about all that slots run. `status`: what their clients are about to be told; 0: nothing.
  std::vector<log::Incident> describe_running(log::Incident::Kind kind, int status) const;

  // Slots that do not come back.
  std::optional<unsigned> take_spare_slot();
  void return_spare_slot(unsigned slot);
  void want_thread_for(unsigned slot);
  void start_wanted_threads();
  void ask_for_successor();
  void recycle_after_max_requests();
  // Its main thread runs a request that does not end: it will not come out by itself.
  bool main_thread_is_given_up() const {
    return settings_.stuck_means_the_call && given_up_.load(std::memory_order_acquire) > 0;
  }

  const EngineSettings settings_;
  Place place_;
  Application& application_;
  WorkerEvents& events_;
  Homecoming homecoming_;
  Ownership ownership_;
  WakeSignal doorbell_;  // orders from this process
  Loop loop_;
  ExpiryCounts expiries_shown_{};  // by the loop's owner, like the next
  std::uint64_t peers_refused_shown_ = 0;
  std::vector<std::unique_ptr<SlotRunner>> slots_;
  std::atomic<unsigned> busy_{0};
  std::atomic<unsigned> given_up_{0};  // of the busy ones
  std::atomic<unsigned> threads_{0};   // that run slots
  std::mutex spares_mutex_;
  std::vector<unsigned> spares_;          // slots without a thread
  std::vector<unsigned> wanted_threads_;  // slots that are to get one
  std::atomic<bool> successor_asked_for_{false};
  std::atomic<Nanos::rep> typical_call_{0};
  std::atomic<std::uint64_t> last_slow_call_{0};  // its end
  std::atomic<std::uint64_t> last_call_{0};       // likewise
  std::atomic<unsigned> orders_{0};               // given and not yet obeyed by the watchdog
  std::atomic<Drain> drain_wanted_{Drain::No};    // for whoever runs the loop
  Drain drained_ = Drain::No;                     // likewise its own
  std::atomic<bool> seize_wanted_{false};         // the watchdog wants the loop whatever it does
  std::atomic<bool> finished_{false};             // nothing left to serve: slots return
  std::atomic<bool> over_{false};                 // the watchdog returns
  std::atomic<std::uint32_t> main_bell_{0};
  std::atomic<std::uint32_t> signals_{0};  // times that a handler of the application's had to run
  std::atomic<std::uint64_t> entry_asked_at_{0};  // 0: the main thread has entered since
  std::atomic<std::uint32_t> arrived_{0};         // slots whose threads have come in
  std::atomic<std::uint32_t> open_{0};            // since start()
  OverdueRequests overdue_{*this};
  CrashReport crash_{*this};
  std::atomic<std::uint64_t> watchdog_id_{0};  // its thread's, as the stacks call it
  std::unique_ptr<class Watchdog> watchdog_;
  std::thread watchdog_thread_;
};

}  // namespace winghorn
