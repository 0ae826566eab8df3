# SPDX-License-Identifier: MIT
"""What a worker asks of Python around serving: before the import, for threads, at the end."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable


def begin(socket_timeout: float) -> None:
    """Before the application is imported: what it prints is seen at once.

    `socket_timeout` is in seconds; with 0 sockets keep Python's default.
    """
    if socket_timeout > 0:
        socket.setdefaulttimeout(socket_timeout)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=True)


def open_signal_pipe() -> int:
    """Have Python write to a pipe whenever a signal waits for its handler; returns the end to read.

    A signal that comes just before the main thread goes to sleep would else be handled when
    something else wakes it. A child that the application forks gets no part in it.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=lambda: _leave_signal_pipe(writer))
    return reader


def _leave_signal_pipe(writer: int) -> None:
    inherited = signal.set_wakeup_fd(-1)
    if inherited not in (writer, -1):  # the application's own: it has its own rules for it
        signal.set_wakeup_fd(inherited)
    os.close(writer)


def start_slot(slot: int, run: Callable[[int], None]) -> None:
    """Start a thread that runs requests: it calls `run` with its number and stays in there.

    Raises RuntimeError when the system has no more threads.
    """
    name = f"winghorn-slot-{slot}"
    threading.Thread(target=run, args=(slot,), name=name, daemon=True).start()


def end() -> None:
    """What the interpreter would do at its end; it is not finalized, threads may still run."""
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
