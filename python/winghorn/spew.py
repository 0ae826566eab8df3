# SPDX-License-Identifier: MIT
"""``spew``: every line of Python that is executed, on standard output, to find a fault by."""

from __future__ import annotations

import linecache
import sys
import threading
from types import FrameType
from typing import Any

Tracer = Any  # of sys.settrace: a function that gives a function of its like


def install() -> None:
    """Trace this thread, those that are started from now on, and processes that are forked."""
    threading.settrace(_trace)
    sys.settrace(_trace)


# The interpreter traces nothing that this function does itself.
def _trace(frame: FrameType, event: str, _argument: Any) -> Tracer:
    if event == "line":
        name = frame.f_globals.get("__name__", "?")
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).rstrip()
        print(f"{name}:{frame.f_lineno}: {line}")
    return _trace
