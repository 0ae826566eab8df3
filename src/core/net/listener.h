// listener.h: a socket that waits for connections: bound, inherited, or handed over by systemd.
//
// Non-blocking, kept by a fork, closed by an exec. The descriptor goes with the object; the file of a unix
// socket does not: remove_file() is for the one process that bound it, at the end, and leaves a file alone
// that is not the one bound here. Display names and error lines are spelt as gunicorn's.
// Not here: accepting (accepting.h), trying again (bind_patiently.h), encryption, who closes which listener
// when (supervisor).
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/base/result.h"

namespace winghorn {

enum class AddressKind : std::uint8_t { Tcp4, Tcp6, Unix, Fd };

struct ListenAddress {
  AddressKind kind = AddressKind::Tcp4;
  std::string host = {};   // Tcp4: a name or an address; Tcp6: without brackets
  std::uint16_t port = 0;  // 0: the kernel chooses
  std::string path = {};   // Unix; a leading NUL names an abstract socket
  int fd = -1;             // Fd: a descriptor that this process inherited

  bool operator==(const ListenAddress&) const = default;
};

// As Python prints gunicorn's address: ('127.0.0.1', 8000), or the path.
std::string to_text(const ListenAddress& address);

struct FileOwner {
  uid_t user = 0;
  gid_t group = 0;
};

struct BindOptions {
  int backlog = 2048;
  mode_t umask = 0;                     // a unix socket's file gets mode 0777 & ~umask
  std::optional<FileOwner> owner = {};  // of that file; none: whoever made it
  bool reuse_port = false;              // a TCP address is reserved, for sockets beside()
};

// The file of a unix socket as it was when it was made; inode 0: there is none.
struct SocketFile {
  dev_t device = 0;
  ino_t inode = 0;
};

class Listener {
 public:
  // One attempt. The Failure's code is the errno of the call that refused.
  static Result<Listener> bind(const ListenAddress& address, const BindOptions& options);
  // Takes `socket` over; `asked` is what it will be known by, `file` what remove_file() removes.
  static Result<Listener> adopt(Fd socket, ListenAddress asked, const BindOptions& options,
                                SocketFile file = {});

  int fd() const { return fd_.get(); }
  // For whoever accepts from here on; the file, if any, stays this object's business.
  Fd take_socket() { return std::move(fd_); }
  const ListenAddress& asked() const { return asked_; }
  // What it is bound to: the real port where 0 was asked for.
  const ListenAddress& bound() const { return bound_; }
  bool is_unix() const { return bound_.kind == AddressKind::Unix; }
  // "http://127.0.0.1:8000", "http://[::1]:8000", "unix:/run/app.sock".
  std::string display() const;
  // Connections that nobody has accepted yet; 0 where the kernel does not say.
  unsigned waiting() const;
  // It does not listen: it keeps strangers off the address, at which only its like may be bound.
  bool is_reserved() const { return is_reserved_; }
  // A socket of one's own at the same address, for which listen() has yet to be called. The kernel shares
  // connections out among those that listen. By the same user as the reserved one.
  Result<Listener> beside() const;
  bool is_own() const { return is_own_; }  // made by beside()
  Status listen(int backlog);
  const SocketFile& file() const { return file_; }
  void remove_file();
  // Only if nobody listens behind it any more, in whatever process.
  void remove_stale_file();

 private:
  Listener(Fd fd, ListenAddress asked) : fd_(std::move(fd)), asked_(std::move(asked)) {}

  Status start(const BindOptions& options);
  void describe();
  Status own_file(const BindOptions& options);

  Fd fd_;
  ListenAddress asked_;
  ListenAddress bound_;
  bool is_reserved_ = false;
  bool is_own_ = false;
  SocketFile file_;  // bound here, or by whom it was taken over from
};

// The descriptors that systemd passed to this very process (LISTEN_PID, LISTEN_FDS), which are then
// removed from the environment; empty when they were meant for another or for nobody.
std::vector<int> take_systemd_descriptors();

}  // namespace winghorn
