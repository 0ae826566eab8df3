// SPDX-License-Identifier: MIT
#include "supervisor/own_listeners.h"

#include <utility>

namespace winghorn::supervisor {

Status bind_own(std::vector<Listener>& listeners) {
  for (Listener& listener : listeners) {
    if (!listener.is_reserved()) continue;
    Result<Listener> own = listener.beside();
    if (!own) return own.error();
    listener = std::move(own).value();
  }
  return Nothing{};
}

}  // namespace winghorn::supervisor
