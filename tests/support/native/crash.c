/* crash.c: ways for C code to kill its process, for tests. Called by ctypes.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void crash_segv(void) { *(volatile int *)0 = 1; }

/* A page beyond the end of its file. */
void crash_bus(void) {
  const int file = memfd_create("nothing", 0);
  char *page = mmap(0, 4096, PROT_READ, MAP_SHARED, file, 0);
  (void)*(volatile char *)page;
}

/* Division by zero is no fault on every processor. */
void crash_fpe(void) {
#if defined(__x86_64__)
  volatile int zero = 0;
  volatile int result = 1 / zero;
  (void)result;
#endif
  raise(SIGFPE);
}

void crash_ill(void) {
#if defined(__x86_64__)
  __asm__ volatile("ud2");
#endif
  raise(SIGILL);
}

void crash_abrt(void) { abort(); }

static int deeper(volatile char *above) {
  volatile char here[4096];
  here[0] = above[0];
  return deeper(here) + here[0];
}

void crash_overflow(void) {
  volatile char start = 1;
  deeper(&start);
}

/* The allocator notices in the midst of its work, and aborts with the heap locked. */
void crash_heap(void) {
  char *last = 0;
  for (int i = 0; i < 64; ++i) last = malloc(100000); /* taken from the end of the heap by now */
  memset(last + malloc_usable_size(last), 0xff, 8);
  for (int i = 0; i < 64; ++i) last = malloc(100000);
  abort();
}

static void step_over(int signal, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  static const char text[] = "a handler of a library ran\n";
  if (write(2, text, sizeof text - 1) < 0) abort();
  _exit(signal == SIGSEGV ? 77 : 78);
}

/* As a runtime does that lives with faults of its own. */
void crash_take_over(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = step_over;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, 0);
}
