# SPDX-License-Identifier: MIT
"""Going into the background: ``daemon``, with ``enable_stdio_inheritance``.

What can be wrong with the configuration has been said before; what happens from here on is in the
log alone. Whoever started the program sees it end with status 0 at once, as with gunicorn.
"""

from __future__ import annotations

import os
import sys

UMASK = 0o022


def detach(keep_output: bool) -> None:
    """Return in a process that no terminal and no shell knows any more, in the same folder.

    Standard input, output and error lead nowhere from then on. With `keep_output` those two that
    are no terminal stay what they are. Must be called before threads are started.
    """
    _leave_parent()
    os.setsid()
    _leave_parent()  # who leads a session may be given a terminal again
    os.umask(UMASK)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        if descriptor == 0 or not keep_output or os.isatty(descriptor):
            os.dup2(nowhere, descriptor)
    if nowhere > 2:
        os.close(nowhere)


def warn_of_odd_start(errorlog: str, keep_output: bool) -> None:
    """Say, while somebody can still see it, what a daemon is seldom meant to do."""
    if os.environ.get("NOTIFY_SOCKET"):
        _warn("systemd (Type=notify) waits for the process that it has started: do without daemon")
    if errorlog == "-" and not keep_output:
        _warn("a daemon has no standard error: without errorlog nothing of its log can be read")


def _warn(text: str) -> None:
    print(f"Warning: {text}", file=sys.stderr)


def _leave_parent() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() != 0:
        os._exit(0)
