// watchdog.h: the worker's thread that never waits for Python.
//
// It looks every tick whether the application keeps the loop's owner too long, and takes the loop over;
// runs it until the slow phase is past; reads the arbiter's orders; beats on the scoreboard; ends the
// worker when it must. It never takes the interpreter lock, never calls Python, never waits for a slot.
// When nothing happens it sleeps and is woken by the first call that begins.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "core/base/clock.h"
#include "core/engine/loop.h"
#include "core/engine/loop_ownership.h"
#include "core/log/incident.h"
#include "core/net/lifeline.h"

namespace winghorn {

class Engine;

class Watchdog {
 public:
  explicit Watchdog(Engine& engine) : engine_(engine) {}

  void run();

 private:
  // Not owning.
  void look();
  void sleep_a_tick();
  void sleep_until_woken();

  // Owning.
  void run_loop();
  bool slow_phase_is_past(Instant now) const;
  bool give_loop_back();
  Millis patience() const;
  void wait_for_events();

  // Orders and ends.
  void read_orders();
  void read_lifeline();
  void obey(Order order);
  void retire(Nanos patience, Drain how);
  void arbiter_is_gone();
  void enforce_deadline(Instant now);
  void abort_worker();
  void take_leave(log::Incident::Kind kind, const Loop::Farewell& farewell);
  bool seize_loop();
  [[noreturn]] void leave(int code);

  // What the world sees.
  void beat(Instant now);
  void publish_stuck(Instant now);
  void probe_interpreter(Instant now);
  void warn_if_all_busy(Instant now);
  void poll_doorbells(Millis patience);
  void hear_of_signals();

  Engine& engine_;
  LoopWord seen_;
  Instant seen_at_;
  unsigned quiet_ticks_ = 0;
  bool lifeline_ended_ = false;
  std::optional<Instant> leave_at_;
  Instant last_beat_;
  Instant last_probe_;
  bool told_all_busy_ = false;
};

}  // namespace winghorn
