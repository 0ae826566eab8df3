/* SPDX-License-Identifier: MIT
 *
 * Preloaded into a server: the first of its processes that comes to a chosen step of a handover dies there of
 * SIGKILL, as from outside.
 *
 *   DIE_AT    before-send, after-send, after-close, before-receive, after-receive
 *   DIE_ONCE  a file; whoever can remove it is the one that dies, and nobody does before it is there
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static __thread int has_sent;

static void die_at(const char* step) {
  const char* wanted = getenv("DIE_AT");
  const char* once = getenv("DIE_ONCE");
  if (wanted == NULL || once == NULL || strcmp(step, wanted) != 0) return;
  if (unlink(once) == 0) kill(getpid(), SIGKILL);
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  ssize_t (*real)(int, const struct msghdr*, int) = dlsym(RTLD_NEXT, "sendmsg");
  if (message->msg_controllen == 0) return real(fd, message, flags);
  die_at("before-send");
  const ssize_t sent = real(fd, message, flags);
  if (sent > 0) {
    die_at("after-send");
    has_sent = 1;
  }
  return sent;
}

int close(int fd) {
  int (*real)(int) = dlsym(RTLD_NEXT, "close");
  const int outcome = real(fd);
  if (has_sent) {
    has_sent = 0;
    die_at("after-close");
  }
  return outcome;
}

ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  ssize_t (*real)(int, struct msghdr*, int) = dlsym(RTLD_NEXT, "recvmsg");
  if (message->msg_controllen == 0) return real(fd, message, flags);
  char byte;
  if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) die_at("before-receive");
  const ssize_t got = real(fd, message, flags);
  if (got > 0) die_at("after-receive");
  return got;
}
