// listener_set.h: the sockets that are open, over the generations of settings that name them.
//
// While a reload is under way two generations' addresses are open; what both name is one socket. An address
// that cannot be bound leaves the set as it was. Closing removes the file of a unix socket.
// In a forked child the set is emptied by hand_over(), which closes without removing.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/config/address.h"
#include "core/net/listener.h"

namespace winghorn::supervisor {

using Addresses = std::vector<ListenAddress>;

// What is really listened on: when systemd passed descriptors or any address is one (fd://N), those alone,
// as in gunicorn.
Addresses effective_addresses(const std::vector<config::BindAddress>& asked,
                              const std::vector<int>& from_systemd);

class ListenerSet {
 public:
  using Bind = std::function<Result<Listener>(const ListenAddress&)>;

  // Opens what is missing, through `bind`.
  Status open(const Addresses& addresses, const Bind& bind);
  // Closes what neither of the two names.
  void keep_only(const Addresses& one, const Addresses& other);
  void close_all();
  // Another process serves at the same sockets: closing leaves their files alone. The last one takes them
  // away: close_all() may be called again, and removes those behind which nobody listens any more.
  void share_files(bool with_another) { are_files_shared_ = with_another; }

  // "http://127.0.0.1:8000,unix:/run/app.sock"
  std::string display(const Addresses& addresses) const;
  const std::vector<Listener>& all() const { return open_; }

  // Connections that the kernel holds for whoever accepts; of Unix sockets it is not known.
  unsigned waiting() const;

  // In a child: the generation's own, in the order of their addresses; the others are closed.
  std::vector<Listener> hand_over(const Addresses& addresses);

 private:
  const Listener* find(const ListenAddress& address) const;

  std::vector<Listener> open_;
  bool are_files_shared_ = false;
  std::vector<Listener> left_;  // closed; their files are still there
};

}  // namespace winghorn::supervisor
