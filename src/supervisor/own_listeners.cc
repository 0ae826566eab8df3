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

Status listen_at_own(std::vector<Listener>& listeners, int backlog) {
  for (Listener& listener : listeners) {
    if (!listener.is_own()) continue;
    if (Status listens = listener.listen(backlog); !listens) return listens;
  }
  return Nothing{};
}

}  // namespace winghorn::supervisor
