// SPDX-License-Identifier: MIT
#include "core/engine/engine.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/fence.h"
#include "core/base/native_thread.h"
#include "core/base/park.h"
#include "core/engine/watchdog.h"
#include "core/log/incident.h"
#include "core/log/log.h"
#include "core/net/lifeline.h"

namespace winghorn {
namespace {

constexpr Nanos kSlowCall = Millis(10);  // two ticks of the watchdog
constexpr Nanos kLongCall =
    std::chrono::microseconds(200);             // against a few µs for waking another slot
constexpr Nanos kStillMoving = Millis(3);       // since a slot came to its end
constexpr Nanos kWorthHandingOver = Millis(5);  // so much sooner must it begin elsewhere
constexpr Nanos kFlushBefore = std::chrono::microseconds(300);
constexpr Millis kForEver{-1};

std::string what_the_client_gets(const Exchange& exchange, int status) {
  if (exchange.reply.discarded()) return "its client had gone";
  if (exchange.reply.ended()) return "its reply was whole";
  if (exchange.reply.started()) return "its reply, which had begun, was cut";
  return fmt::format("answered {}", status);
}

// An application that was promised one thread is not given a second one.
unsigned spare_slots(const EngineSettings& settings, const Scoreboard& board) {
  if (settings.stuck_means_the_call || board.slots_per_seat() <= settings.slots) return 0;
  return std::min(settings.request_times.stuck_slots, board.slots_per_seat() - settings.slots);
}

// Of a worker that must go.
std::string parting_action(const Exchange* exchange, int status) {
  if (exchange == nullptr) return "its client had gone";
  if (exchange->notes.overdue) return "its client had been answered at its deadline";
  if (exchange->reply.started()) return "its reply, which had begun, was cut";
  return fmt::format("answered {}", status);
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(EngineSettings settings, Place place,
                                               Application& application, WorkerEvents& events) {
  Result<WakeSignal> home = WakeSignal::create();
  if (!home) return home.error();
  Result<WakeSignal> watchdog = WakeSignal::create();
  if (!watchdog) return watchdog.error();
  Result<WakeSignal> orders = WakeSignal::create();
  if (!orders) return orders.error();
  Result<Poller> poller = Poller::create();
  if (!poller) return poller.error();
  std::unique_ptr<Engine> engine(
      new Engine(std::move(settings), std::move(place), application, events,
                 {std::move(home).value(), std::move(watchdog).value(), std::move(orders).value(),
                  std::move(poller).value()}));
  const Status opened = engine->loop_.open({engine->place_.lifeline.get(), engine->doorbell_.fd()});
  if (!opened) return opened.error();
  return engine;
}

Engine::Engine(EngineSettings settings, Place place, Application& application, WorkerEvents& events,
               Wakers wakers)
    : settings_(std::move(settings)),
      place_(std::move(place)),
      application_(application),
      events_(events),
      homecoming_(std::move(wakers.home)),
      ownership_(settings_.slots + spare_slots(settings_, place_.board),
                 RealSync::WatchdogBell(std::move(wakers.watchdog))),
      doorbell_(std::move(wakers.orders)),
      loop_(settings_, {std::move(place_.listeners), std::move(place_.siblings)},
            std::move(wakers.poller), homecoming_, *this, RequestRows(place_.board, place_.seat)) {
  register_fences();
  const unsigned all = settings_.slots + spare_slots(settings_, place_.board);
  for (unsigned number = 0; number < all; ++number) {
    slots_.push_back(std::make_unique<SlotRunner>(number, application_, ownership_, homecoming_,
                                                  place_.board.slot(place_.seat, number)));
  }
  for (unsigned number = all; number > settings_.slots; --number) spares_.push_back(number - 1);
  watchdog_ = std::make_unique<Watchdog>(*this);
}

Engine::~Engine() { join(); }

Status Engine::start(const std::function<void()>& before_serving) {
  if (Status listening = loop_.open_own_listeners(); !listening) return listening;
  Result<std::thread> started = start_native_thread("start the watchdog thread", [this] {
    watchdog_id_.store(static_cast<std::uint64_t>(::pthread_self()), std::memory_order_relaxed);
    watchdog_->run();
  });
  if (!started) return started.error();
  watchdog_thread_ = std::move(started).value();
  if (before_serving) before_serving();
  open_.store(1, std::memory_order_release);
  ring_all(open_);
  return Nothing{};
}

void Engine::join() {
  over_.store(true, std::memory_order_release);
  doorbell_.wake();
  if (watchdog_thread_.joinable()) watchdog_thread_.join();
}

void Engine::wait() {
  std::uint32_t signals_seen = 0;
  while (!finished_.load(std::memory_order_acquire)) {
    const std::uint32_t seen = main_bell_.load(std::memory_order_acquire);
    if (finished_.load(std::memory_order_acquire)) return;
    start_wanted_threads();
    application_.rest();
    const std::uint32_t signals = signals_.load(std::memory_order_acquire);
    const bool asked = std::exchange(signals_seen, signals) != signals ||
                       entry_asked_at_.load(std::memory_order_acquire) != 0;
    if (asked || wait_while(main_bell_, seen) == Wake::Interrupted) {
      application_.interrupted();
      entry_asked_at_.store(0, std::memory_order_release);
    }
  }
}

void Engine::order(WorkerOrder order) {
  orders_.fetch_or(static_cast<unsigned>(order), std::memory_order_acq_rel);
  doorbell_.wake();
}

void Engine::note_progress() {
  for (const auto& slot : slots_) slot->note_progress();
}

void Engine::close_in_child() {
  loop_.close_in_child();
  place_.lifeline.reset();
  place_.signal_pipe.reset();
}

// ---- slots ----

void Engine::run_slot(unsigned number) {
  SlotRunner& slot = *slots_[number];
  come_in(slot);
  while (!thread_should_end(slot)) {
    application_.rest();
    const Assignment<Exchange*> next = ownership_.await_turn(number);
    switch (next.turn) {
      case Turn::Owner:
        own_loop(slot);
        break;
      case Turn::Guest:
        run_as_guest(slot, *next.item);
        break;
      case Turn::Interrupted:
        application_.interrupted();
        break;
      case Turn::Stop:
        application_.rest();
        return;
    }
  }
}

// The first request may keep the interpreter for ever: a slot that has not come in by then would never.
void Engine::come_in(SlotRunner& slot) {
  application_.rest();
  slot.introduce_thread();
  threads_.fetch_add(1, std::memory_order_relaxed);
  arrived_.fetch_add(1, std::memory_order_acq_rel);
  ring_all(arrived_);
  // Not before start(): the first call may keep the interpreter for ever, and whoever says that this
  // worker is ready must have said it by then.
  while (!open_.load(std::memory_order_acquire)) wait_while(open_, 0);
}

void Engine::await_slots() {
  std::uint32_t arrived = 0;
  while ((arrived = arrived_.load(std::memory_order_acquire)) < settings_.slots)
    wait_while(arrived_, arrived);
}

// Until the loop is somebody else's, or the worker is to go.
void Engine::own_loop(SlotRunner& slot) {
  while (true) {
    obey_orders();
    if (seize_wanted_.load(std::memory_order_acquire)) {
      ownership_.leave(slot.number());
      return ownership_.put_down(slot.number());
    }
    while (Exchange* exchange = loop_.next_ready()) {
      if (!run_inline(slot, *exchange)) return;
    }
    application_.rest();  // sending and reading need no interpreter; others may
    loop_.flush();
    loop_.fire_clocks();
    if (!loop_.batch_empty()) continue;
    show_counts();
    if (finished_draining()) return finish();
    // Given since the top, their wake-up perhaps taken for another: never sleep on an order.
    if (orders_wait()) continue;
    // Those that came since the interpreter was let go; later ones wake poll().
    const bool signals_came = slot.is_news(signals_.load(std::memory_order_acquire));
    if ((signals_came || !loop_.poll(kForEver)) && !let_signals_in(slot)) return;
  }
}

// False: the loop is not this slot's any more.
bool Engine::run_inline(SlotRunner& slot, Exchange& exchange) {
  const Instant now = winghorn::now();
  if (loop_.flush_is_due(now) ||
      typical_call_.load(std::memory_order_relaxed) > kFlushBefore.count()) {
    loop_.flush();
  }
  if (calls_are_long() && settings_.slots > 1) {
    loop_.flush();
    loop_.keep_an_eye_on(exchange);
    if (ownership_.pass_on(slot.number())) {
      run_as_guest(slot, exchange);
      return false;
    }
  }
  loop_.running_inline(&exchange);
  busy_.fetch_add(1, std::memory_order_relaxed);
  ownership_.leave(slot.number());
  run_counted(slot, exchange, now);
  if (ownership_.come_back(slot.number())) {
    loop_.finished_inline(exchange, slot.ended_at());
    return true;
  }
  homecoming_.done(exchange);
  return false;
}

void Engine::run_as_guest(SlotRunner& slot, Exchange& exchange) {
  busy_.fetch_add(1, std::memory_order_relaxed);
  slot.mark_cpu();
  run_counted(slot, exchange, winghorn::now());
  homecoming_.done(exchange);
}

void Engine::run_counted(SlotRunner& slot, Exchange& exchange, Instant now) {
  const Nanos took = slot.run(exchange, now);
  note_call(slot, took);
  // In this order: nobody shall take it for one given up that is only coming to its end.
  if (slot.was_given_up()) given_up_.fetch_sub(1, std::memory_order_acq_rel);
  busy_.fetch_sub(1, std::memory_order_release);
}

// Another does its work by now; the number is free for the next that must be replaced.
bool Engine::thread_should_end(SlotRunner& slot) {
  if (!slot.was_replaced()) return false;
  slot.forget_thread();
  threads_.fetch_sub(1, std::memory_order_relaxed);
  return_spare_slot(slot.number());
  return true;
}

// A signal handler ran on this thread: Python wants to see its signals, and that is foreign code.
bool Engine::let_signals_in(SlotRunner& slot) {
  ownership_.leave(slot.number());
  application_.interrupted();
  return ownership_.come_back(slot.number());
}

void Engine::note_call(const SlotRunner& slot, Nanos took) {
  last_call_.store(to_word(slot.ended_at()), std::memory_order_relaxed);
  if (took > kSlowCall) last_slow_call_.store(to_word(winghorn::now()), std::memory_order_relaxed);
  const Nanos::rep typical = typical_call_.load(std::memory_order_relaxed);
  typical_call_.store(typical + (took.count() - typical) / 8, std::memory_order_relaxed);
}

bool Engine::calls_are_long() const {
  return typical_call_.load(std::memory_order_relaxed) > kLongCall.count();
}

// ---- whoever runs the loop ----

void Engine::obey_orders() {
  const Drain wanted = drain_wanted_.load(std::memory_order_acquire);
  if (wanted != drained_) {
    drained_ = wanted;
    loop_.drain(wanted);
    loop_.close_listeners();
    place_.board.seat(place_.seat).engine.listeners_closed_at.set(to_word(winghorn::now()));
  }
  // Who waits in a worker that is to go and in which nothing ends waits for nobody.
  while (drained_ != Drain::No && !can_serve()) {
    Exchange* const waiting = ownership_.take_back_one();
    if (waiting == nullptr) break;
    loop_.refuse(*waiting, 503);
  }
}

bool Engine::orders_wait() const {
  return drain_wanted_.load(std::memory_order_acquire) != drained_ ||
         seize_wanted_.load(std::memory_order_acquire);
}

bool Engine::finished_draining() const {
  return loop_.draining() && loop_.empty() &&
         busy_.load(std::memory_order_acquire) <= given_up_.load(std::memory_order_acquire) &&
         ownership_.queued() == 0;
}

void Engine::finish() {
  finished_.store(true, std::memory_order_release);
  ownership_.stop();
  ring_main_thread();
  doorbell_.wake();
}

void Engine::show_counts() {
  auto& row = place_.board.seat(place_.seat).engine;
  const unsigned busy = busy_.load(std::memory_order_relaxed);
  row.busy_slots.set(busy);
  row.free_slots.set(free_slots());
  const std::size_t queued = ownership_.queued();
  row.queued.set(queued);
  row.connections.set(loop_.connections());
  row.requests_done.set(loop_.requests_done());
  recycle_after_max_requests();
  row.requests_refused.set(loop_.requests_refused());
  row.handed_over.set(loop_.handed_over());
  row.taken_in.set(loop_.taken_in());
  show_expiries();
  const Exchange* const oldest = queued == 0 ? nullptr : ownership_.first_queued();
  const std::uint64_t since = oldest == nullptr ? 0 : to_word(oldest->notes.ready);
  row.oldest_waiting.set(since);
  row.takes_before.set(takes_before());
}

void Engine::show_expiries() {
  const ExpiryCounts& counts = loop_.expiries();
  if (counts == expiries_shown_ && loop_.peers_refused() == peers_refused_shown_) return;
  expiries_shown_ = counts;
  peers_refused_shown_ = loop_.peers_refused();
  auto& row = place_.board.seat(place_.seat).clocks;
  for (std::size_t i = 0; i < counts.size(); ++i) row.expired[i].set(counts[i]);
  row.peers_refused.set(peers_refused_shown_);
}

// ---- several workers, one queue ----

// Slots take first what has waited longest, wherever it came from.
void Engine::put_in_queue(Exchange& exchange) {
  ownership_.enqueue(&exchange, [](const Exchange* one, const Exchange* other) {
    return one->notes.ready < other->notes.ready;
  });
}

bool Engine::keeps_moving() const {
  const Instant last = from_word(last_call_.load(std::memory_order_relaxed));
  return winghorn::now() - last < kStillMoving;
}

std::uint64_t Engine::takes_before() const {
  if (free_slots() > 0) return SeatRow::kTakesAny;
  if (!keeps_moving()) return 0;
  const Exchange* const oldest = ownership_.first_queued();
  return to_word(oldest == nullptr ? winghorn::now() : oldest->notes.ready);
}

bool Engine::others_have_free_slots() const {
  return place_.board.free_slots_elsewhere(place_.seat) > 0;
}

bool Engine::others_keep_moving() const {
  return place_.board.takers_elsewhere(place_.seat, 0) > 0;
}

bool Engine::is_first_to_take() const {
  const std::uint64_t before = takes_before();
  return before != 0 && place_.board.takers_elsewhere(place_.seat, before) == 0;
}

// How many requests of that age other workers would begin sooner than this one. While one is still on its way
// they have not said yet what it has made of them; and two whose slots keep moving would send each other the
// same requests again and again.
unsigned Engine::takers_of(const Exchange& exchange) const {
  const bool is_busy =
      busy_.load(std::memory_order_acquire) >= threads_.load(std::memory_order_relaxed);
  if (drained_ > Drain::Gently || !is_busy || !loop_.siblings_are_up_to_date()) return 0;
  if (const unsigned free = place_.board.free_slots_elsewhere(place_.seat); free > 0) return free;
  if (keeps_moving()) return 0;
  const Instant later = exchange.notes.ready + kWorthHandingOver;
  return place_.board.takers_elsewhere(place_.seat, to_word(later));
}

void Engine::share_queue() {
  const Exchange* const first = ownership_.first_queued();
  if (first == nullptr) return;
  std::vector<Exchange*> staying;
  for (unsigned room = takers_of(*first); room > 0;) {
    Exchange* const oldest = ownership_.take_back_one();
    if (oldest == nullptr) break;
    const Loop::Handover outcome = loop_.hand_over(*oldest);
    if (outcome == Loop::Handover::Left) {
      --room;
      continue;
    }
    staying.push_back(oldest);
    if (outcome == Loop::Handover::NoRoom) break;
  }
  for (Exchange* const exchange : staying) put_in_queue(*exchange);
}

void Engine::queue_or_refuse(Exchange& exchange) {
  if (ownership_.queued() == 0 && takers_of(exchange) > 0 &&
      loop_.hand_over(exchange) == Loop::Handover::Left) {
    return;
  }
  if (loop_.draining() && !can_serve()) return loop_.refuse(exchange, 503);
  const bool is_full = ownership_.queued() >= settings_.limits.queued_requests;
  // Where it was before, it was let in.
  if (is_full && !exchange.notes.taken_in) return loop_.refuse(exchange, 503);
  loop_.keep_an_eye_on(exchange);
  put_in_queue(exchange);
}

// ---- the main thread ----

void Engine::ask_to_look_for_signals() {
  signals_.fetch_add(1, std::memory_order_release);
  homecoming_.wake();  // the main thread may run a slot, and that one be in poll()
  ring_main_thread();
}

void Engine::ask_to_enter_interpreter(Instant now) {
  entry_asked_at_.store(to_word(now), std::memory_order_release);
  ring_main_thread();
}

void Engine::ring_main_thread() {
  main_bell_.fetch_add(1, std::memory_order_release);
  ring_all(main_bell_);
}

unsigned Engine::free_slots() const {
  const std::size_t taken = busy_.load(std::memory_order_relaxed) + ownership_.queued();
  const unsigned threads = threads_.load(std::memory_order_relaxed);
  return taken >= threads ? 0 : static_cast<unsigned>(threads - taken);
}

bool Engine::can_serve() const {
  const unsigned given_up = given_up_.load(std::memory_order_acquire);
  return given_up == 0 || given_up < threads_.load(std::memory_order_relaxed);
}

// ---- requests that take too long

OverdueRequest Engine::describe(const Exchange& exchange, log::Incident::Kind kind) const {
  const Instant moment = winghorn::now();
  OverdueRequest request;
  request.since = moment;
  log::Incident& incident = request.incident;
  incident.kind = kind;
  incident.phase = "queued";
  for (const auto& slot : slots_) {
    if (slot->exchange() != exchange.id()) continue;
    request.begun = true;
    incident = describe_slot(*slot, kind);
  }
  incident.request = exchange.id();
  incident.method = exchange.head.method;
  incident.target = exchange.head.target;
  incident.peer = exchange.client().address;
  incident.age = moment - exchange.notes.ready;
  incident.queued = exchange.queue_time(moment);
  incident.bytes_in = exchange.body.received();
  incident.bytes_out = exchange.notes.reply_bytes;
  return request;
}

// All that is known of it while somebody else runs the loop.
log::Incident Engine::describe_slot(const SlotRunner& slot, log::Incident::Kind kind) const {
  log::Incident incident;
  incident.kind = kind;
  incident.request = slot.exchange();
  incident.phase = name_of(SlotPhase::Running);
  incident.slot = slot.number();
  incident.thread = slot.thread();
  incident.cpu = slot.cpu_used();
  incident.waits_in = slot.waits_in();
  if (const std::uint64_t started = slot.started(); started != 0) {
    incident.age = winghorn::now() - from_word(started);
  }
  if (std::optional<SlotSnapshot> shown = place_.board.read_slot(place_.seat, slot.number())) {
    incident.phase = name_of(shown->phase);
    incident.method = std::move(shown->request.method);
    incident.target = std::move(shown->request.target);
    incident.peer = std::move(shown->request.peer);
  }
  return incident;
}

std::vector<log::Incident> Engine::describe_running(log::Incident::Kind kind, int status) const {
  const bool owns_loop = ownership_.look().phase() == LoopPhase::Watch;
  std::vector<log::Incident> incidents;
  for (const auto& slot : slots_) {
    if (slot->started() == 0) continue;
    const Exchange* const exchange = owns_loop ? loop_.find_running(slot->exchange()) : nullptr;
    log::Incident& incident = incidents.emplace_back(
        exchange != nullptr ? describe(*exchange, kind).incident : describe_slot(*slot, kind));
    if (status == 0) {
      incident.action = "it goes on";
    } else {
      incident.action = owns_loop ? parting_action(exchange, status)
                                  : "not answered: nobody came out of the loop";
    }
  }
  return incidents;
}

void Engine::overdue(const Exchange& exchange) {
  OverdueRequest request = describe(exchange, log::Incident::Kind::Deadline);
  const double limit = std::chrono::duration<double>(exchange.deadline.limit()).count();
  const int status = settings_.request_times.status;
  request.incident.action =
      fmt::format("its {:g} s are over (request_timeout): {}, {}", limit,
                  what_the_client_gets(exchange, status),
                  request.begun ? "its code is being stopped" : "it never reached the application");
  overdue_.note(std::move(request));
}

void Engine::slow(const Exchange& exchange) {
  if (!log::wanted(log::Level::Warning)) return;
  OverdueRequest request = describe(exchange, log::Incident::Kind::Slow);
  request.incident.action = "it goes on (slow_request)";
  overdue_.note(std::move(request));
}

bool Engine::on_watchdogs_thread() const {
  return static_cast<std::uint64_t>(::pthread_self()) ==
         watchdog_id_.load(std::memory_order_relaxed);
}

void Engine::stay_out() {
  if (on_watchdogs_thread()) crash_.tell();
  while (true) ::pause();
}

std::optional<unsigned> Engine::take_spare_slot() {
  const std::scoped_lock lock(spares_mutex_);
  if (spares_.empty()) return std::nullopt;
  const unsigned slot = spares_.back();
  spares_.pop_back();
  return slot;
}

void Engine::return_spare_slot(unsigned slot) {
  const std::scoped_lock lock(spares_mutex_);
  spares_.push_back(slot);
}

void Engine::want_thread_for(unsigned slot) {
  {
    const std::scoped_lock lock(spares_mutex_);
    wanted_threads_.push_back(slot);
  }
  ring_main_thread();
}

void Engine::start_wanted_threads() {
  std::vector<unsigned> wanted;
  {
    const std::scoped_lock lock(spares_mutex_);
    wanted.swap(wanted_threads_);
  }
  for (const unsigned slot : wanted) {
    if (events_.start_slot(slot)) continue;
    return_spare_slot(slot);
    ask_for_successor();
  }
}

// It goes on serving until its successor does: nobody finds fewer workers than were asked for.
void Engine::recycle_after_max_requests() {
  const std::uint64_t most = settings_.max_requests;
  if (most == 0 || loop_.requests_done() < most || successor_asked_for_.load()) return;
  log::info("Autorestarting worker after current request.");
  ask_for_successor();
}

// The arbiter starts it, and lets this worker go once it serves.
void Engine::ask_for_successor() {
  if (successor_asked_for_.load()) return;
  successor_asked_for_.store(say_report(place_.lifeline.get(), Report::Recycle));
}

}  // namespace winghorn
