# SPDX-License-Identifier: MIT
"""What a process should not have when others are forked from it: threads."""

from __future__ import annotations

import threading
from pathlib import Path


def thread_count() -> int:
    """How many threads this process has, those of libraries in C included."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:  # no /proc: count Python's own
        return threading.active_count()


def new_threads(before: int, what: str) -> list[str]:
    """A warning, when there are more than `before`; `what` has started them."""
    started = thread_count() - before
    if started <= 0:
        return []
    main = threading.main_thread()
    names = ", ".join(thread.name for thread in threading.enumerate() if thread is not main)
    named = f" ({names})" if names else ""
    noun = "a thread" if started == 1 else f"{started} threads"
    return [
        f"{what} started {noun}{named}: no worker will have it, and a lock that "
        "it holds while a worker is forked stays locked there"
    ]
