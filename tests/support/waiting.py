# SPDX-License-Identifier: MIT
"""Waiting for a condition, always with a bound.

WINGHORN_TEST_TIMEOUT_FACTOR multiplies every bound: sanitizer builds are several times slower.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FACTOR = float(os.environ.get("WINGHORN_TEST_TIMEOUT_FACTOR", "1"))
PATIENCE = 20.0 * FACTOR
"""Seconds that a test waits for something that should come at once."""

_LOOK_AGAIN_SECONDS = 0.01


def wait_until(
    look: Callable[[], T], what: str | Callable[[], str], seconds: float = PATIENCE
) -> T:
    """The first true value that `look` returns. Raises AssertionError after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > until:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"after {seconds:g} s still not so: {told}")
        time.sleep(_LOOK_AGAIN_SECONDS)


class Stopwatch:
    """Seconds since it was made, for the generous upper bounds of tests."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def let_pass(seconds: float) -> None:
    """Lets time pass, for claims that something does not happen meanwhile. Never to wait for it."""
    time.sleep(seconds)
