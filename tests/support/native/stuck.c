/* stuck.c: ways for C code to take its time, for tests. Called by ctypes: with the interpreter lock held
 * (PyDLL) or let go (CDLL). Signals make neither of them come back sooner.
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void stuck_spin(double seconds) {
  const double until = now() + seconds;
  while (now() < until) {
  }
}

void stuck_block(double seconds) {
  struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}
