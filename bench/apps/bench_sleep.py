# SPDX-License-Identifier: MIT
"""Handlers that wait, as those do that ask a database: /short for 1 ms, /long for 200 ms, /busy."""

from __future__ import annotations

import time
from typing import Any

SHORT_SECONDS = 0.001
LONG_SECONDS = 0.2
BUSY_SECONDS = 3.0
BODY = b"Hello, world!\n"
HEAD = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Any other path answers at once."""
    path = environ["PATH_INFO"]
    if path == "/short":
        time.sleep(SHORT_SECONDS)
    elif path == "/long":
        time.sleep(LONG_SECONDS)
    elif path == "/busy":
        time.sleep(BUSY_SECONDS)
    start_response("200 OK", HEAD)
    return [BODY]
