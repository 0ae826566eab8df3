// SPDX-License-Identifier: MIT
#include "core/engine/crash_table.h"

#include <ctime>

namespace winghorn {

std::atomic<Connection*>& CrashTable::place_of(std::uint32_t index) {
  const std::size_t number = index / kBlock;
  while (number > more_.size()) {
    auto block = std::make_unique<Block>();
    Block& last = more_.empty() ? first_ : *more_.back();
    last.next.store(block.get(), std::memory_order_release);
    more_.push_back(std::move(block));
  }
  Block& block = number == 0 ? first_ : *more_[number - 1];
  return block.places[index % kBlock];
}

void CrashTable::add(Connection& connection) {
  place_of(connection.index).store(&connection, std::memory_order_release);
}

void CrashTable::remove(const Connection& connection) {
  place_of(connection.index).store(nullptr, std::memory_order_release);
}

void CrashTable::leave_it() {
  held_.store(nullptr, std::memory_order_release);
  stay_out_();
}

void CrashTable::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  // Either the owner sees it when it takes its next connection, or we see which one it has taken.
  heavy_fence();
}

bool CrashTable::await_rest(Nanos patience) const {
  const Instant until = now() + patience;
  while (held_.load(std::memory_order_acquire) != nullptr) {
    if (now() >= until) return false;
    const timespec moment{0, 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return true;
}

}  // namespace winghorn
