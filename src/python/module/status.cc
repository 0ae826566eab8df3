// SPDX-License-Identifier: MIT
#include "python/module/status.h"

#include <array>
#include <string>

#include "core/base/clock.h"

namespace nb = nanobind;

namespace winghorn {
namespace {

const Scoreboard* shown = nullptr;

const char* name_of(SeatState state) {
  switch (state) {
    case SeatState::Free:
      return "free";
    case SeatState::Booting:
      return "booting";
    case SeatState::Ready:
      return "ready";
    case SeatState::Stopped:
      return "stopped";
    case SeatState::Retiring:
      return "retiring";
    case SeatState::Dead:
      return "dead";
  }
  return "unknown";
}

double seconds_since(Instant moment) {
  return std::chrono::duration<double>(now() - moment).count();
}

// What a client has sent may be any bytes; applications see them as latin-1 (PEP 3333).
nb::object text(Bytes bytes) {
  return nb::steal(PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), ""));
}

nb::dict slot_status(unsigned number, const SlotSnapshot& slot) {
  const RequestSnapshot& running = slot.request;
  nb::dict out;
  out["number"] = number;
  out["busy"] = slot.busy();
  out["phase"] = text(winghorn::name_of(slot.phase));
  out["method"] = text(running.method);
  out["target"] = text(running.target);
  out["peer"] = text(running.peer);
  out["seconds"] = slot.busy() ? seconds_since(slot.started) : 0.0;
  return out;
}

constexpr std::array<const char*, static_cast<std::size_t>(Expiry::Count)> kExpiryNames{
    "first_byte", "head", "body", "write", "idle", "linger", "queue", "request"};

nb::dict expiries(const SeatRow& row) {
  nb::dict out;
  for (std::size_t i = 0; i < kExpiryNames.size(); ++i)
    out[kExpiryNames[i]] = row.clocks.expired[i].get();
  return out;
}

nb::dict worker_status(unsigned seat) {
  const SeatRow& row = shown->seat(seat);
  nb::list slots;
  const std::uint64_t count = row.arbiter.slots.get();
  for (unsigned slot = 0; slot < shown->slots_per_seat(); ++slot) {
    const SlotSnapshot read = shown->read_slot(seat, slot).value_or(SlotSnapshot{});
    // Behind the configured ones are those that stand in for threads that do not come back.
    if (slot < count || read.busy()) slots.append(slot_status(slot, read));
  }
  nb::dict out;
  out["pid"] = row.arbiter.pid.get();
  out["number"] = row.arbiter.number.get();
  out["generation"] = row.arbiter.generation.get();
  out["state"] = name_of(row.state());
  out["seconds"] = seconds_since(from_word(row.arbiter.spawned_at.get()));
  out["connections"] = row.engine.connections.get();
  out["queued"] = row.engine.queued.get();
  out["requests"] = row.engine.requests_done.get();
  out["refused"] = row.engine.requests_refused.get();
  out["handed_over"] = row.engine.handed_over.get();
  out["taken_in"] = row.engine.taken_in.get();
  out["expired"] = expiries(row);
  out["peers_refused"] = row.clocks.peers_refused.get();
  const std::uint64_t oldest = row.engine.oldest_waiting.get();
  out["oldest_waiting"] = oldest == 0 ? 0.0 : seconds_since(from_word(oldest));
  out["slots"] = slots;
  return out;
}

nb::list status() {
  nb::list workers;
  const unsigned used = shown == nullptr ? 0 : shown->used_seats();
  for (unsigned seat = 0; seat < used; ++seat) {
    const SeatRow& row = shown->seat(seat);
    // Between taking the seat and the fork there is nobody in it yet.
    if (row.state() != SeatState::Free && row.arbiter.pid.get() != 0) {
      workers.append(worker_status(seat));
    }
  }
  return workers;
}

}  // namespace

void show_status_of(const Scoreboard* board) { shown = board; }

void bind_status(nb::module_& module) { module.def("status", &status); }

}  // namespace winghorn
