// succession.h: two arbiters of one service, while the one is about to follow the other (USR2).
//
// The elder has forked and executed the program anew; the heir has the elder's listening sockets, and both
// serve. Whichever ends, the other has the service: the heir is promoted when its elder is gone, the elder
// forgets an heir that ends. The environment says it: GUNICORN_PID and GUNICORN_FD as in gunicorn, for
// hooks and scripts, and WINGHORN_LISTENERS with what belongs to which address; LISTEN_PID and LISTEN_FDS
// where systemd has passed the sockets.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/fd.h"
#include "core/net/listener.h"
#include "core/net/listener_heritage.h"

namespace winghorn::supervisor {

using Variables = std::vector<std::pair<std::string, std::string>>;

// What the environment of an heir has besides that of the elder's start. In the heir's process, before the
// exec; `from_systemd`: how many descriptors systemd has passed.
Variables heir_variables(const std::vector<Listener>& listeners, std::size_t from_systemd,
                         pid_t elder);

class Succession {
 public:
  // Takes the variables out of the environment: workers and their children are nobody's heirs.
  static Succession from_environment();

  // What was inherited by number alone, from an elder that knows GUNICORN_FD and no addresses.
  const std::vector<int>& descriptors() const { return descriptors_; }
  Heirlooms& heirlooms() { return heirlooms_; }

  bool has_elder() const { return elder_ != 0; }
  bool has_heir() const { return heir_ != 0; }
  // One that has ended and was not reaped yet has left no successor either.
  bool has_living_heir() const;
  // The other arbiter, whichever it is, has not ended: the sockets are its too.
  bool other_lives() const;
  bool is_alone() const { return !has_elder() && !has_heir(); }
  pid_t heir() const { return heir_; }
  // What an heir's names end in, until it is promoted.
  std::string_view suffix() const { return has_elder() ? ".2" : ""; }

  // In a child that is no arbiter: its descriptor of the elder is nobody's business there.
  void let_go() { elder_fd_.reset(); }

  void note_heir(pid_t pid) { heir_ = pid; }
  // True when that process was the heir.
  bool note_gone(pid_t pid);
  // The elder's pid, once, when it has ended.
  std::optional<pid_t> note_promotion();
  // Readable when the elder has ended; -1: there is none, or it must be looked for.
  int elder_fd() const { return elder_fd_.get(); }

 private:
  pid_t elder_ = 0;
  Fd elder_fd_;
  pid_t heir_ = 0;
  std::vector<int> descriptors_;
  Heirlooms heirlooms_;
};

}  // namespace winghorn::supervisor
