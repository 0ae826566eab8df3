# SPDX-License-Identifier: MIT
"""An application that kills its own process, and requests that stand beside it meanwhile.

`/segv` and its like call the function of that name in CRASH_LIBRARY, which is
tests/support/native/crash.c; `/locked-segv` with the interpreter lock, `/told-segv` once the file
named by CRASH_GO exists. `/wait` and `/begin` block; `/socket` answers by itself before it crashes.
Each request that has begun adds its path to the file named by CRASH_LOG.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Environ = dict[str, Any]

library = ctypes.CDLL(os.environ["CRASH_LIBRARY"])
with_lock = ctypes.PyDLL(os.environ["CRASH_LIBRARY"])

if os.environ.get("CRASH_FAULTHANDLER") == "import":
    faulthandler.enable()
if os.environ.get("CRASH_HANDLER"):
    library.crash_take_over()


def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"].strip("/")
    note(path)
    if path == "begin":
        return begin(start_response)
    if path == "socket":
        environ["gunicorn.socket"].sendall(b"HTTP/1.1 200 OK\r\n\r\nby itself")
        library.crash_segv()
    run(path)
    body = environ["PATH_INFO"].encode() * int(environ["QUERY_STRING"] or 1)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def note(path: str) -> None:
    with Path(os.environ["CRASH_LOG"]).open("a") as file:
        file.write(f"{path}\n")


def run(path: str) -> None:
    crash = getattr(library, f"crash_{path}", None) if path.isalpha() else None
    if crash is not None:
        crash()  # crashes here
    elif path.startswith("locked-"):
        getattr(with_lock, f"crash_{path.removeprefix('locked-')}")()
    elif path.startswith("told-"):
        while not Path(os.environ["CRASH_GO"]).exists():
            time.sleep(0.005)
        run(path.removeprefix("told-"))
    elif path == "thread":
        threading.Thread(target=library.crash_segv).start()
        time.sleep(60)
    elif path == "faulthandler":
        faulthandler.enable()
        library.crash_segv()
    elif path == "child":
        child()
    elif path.startswith("wait"):
        time.sleep(60)


def begin(start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"begun"
    time.sleep(60)


def child() -> None:
    """A forked child crashes: that is its own affair."""
    pid = os.fork()
    if pid == 0:
        library.crash_segv()
    _, status = os.waitpid(pid, 0)
    assert os.WTERMSIG(status) == signal.SIGSEGV
