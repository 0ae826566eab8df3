# SPDX-License-Identifier: MIT
"""An application whose requests get stuck, each in another way, and lines that tests can find.

`/KIND` runs KIND; what its code says when it is interrupted goes to the file named by STUCK_LOG.
STUCK_LIBRARY names tests/support/native/stuck.c, built; SILENT_SERVER is HOST:PORT of a server that
accepts and never answers.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

import winghorn
from winghorn import _core

FINITE_SECONDS = 2.0
"""How long the kinds last that nothing can end."""

one, other = threading.Lock(), threading.Lock()


def sleep() -> None:
    time.sleep(60)  # sleeps here


def loop() -> None:
    while True:
        len("loops here")


def pbkdf2() -> None:
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", _rounds())  # hashes here


def spin_in_c() -> None:
    ctypes.PyDLL(os.environ["STUCK_LIBRARY"]).stuck_spin(ctypes.c_double(FINITE_SECONDS))  # spins


def block_in_c() -> None:
    ctypes.CDLL(os.environ["STUCK_LIBRARY"]).stuck_block(ctypes.c_double(FINITE_SECONDS))  # blocks


def deadlock() -> None:
    taken = threading.Event()

    def take_other() -> None:
        with other:
            taken.set()
            one.acquire(timeout=FINITE_SECONDS)

    with one:
        threading.Thread(target=take_other, daemon=True).start()
        taken.wait()
        other.acquire(timeout=60)  # locks here


def silent_server() -> None:
    requests.get(f"http://{os.environ['SILENT_SERVER']}/", timeout=60)  # waits here


def _rounds() -> int:
    """As many as take about FINITE_SECONDS."""
    began = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 20_000)
    return int(20_000 * FINITE_SECONDS / (time.perf_counter() - began))


KINDS: dict[str, Callable[[], None]] = {
    kind.__name__: kind
    for kind in (sleep, loop, pbkdf2, spin_in_c, block_in_c, deadlock, silent_server)
}


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    path = environ["PATH_INFO"].strip("/")
    if kind := KINDS.get(path):
        try:
            kind()
        except winghorn.RequestTimeout as timeout:
            _note(f"{path}: {timeout}")
            raise
        _note(f"{path}: came back")
    elif path == "swallow":
        swallow()
    elif path == "extend":
        return _say(start_response, str(extend(environ["winghorn.deadline"])))
    elif path == "deadline":
        deadline = environ["winghorn.deadline"]
        return _say(start_response, f"{deadline.remaining():.3f} {deadline.expired}")
    elif path == "kept":
        return _say(start_response, kept(environ))
    elif path == "edge":
        compute(random.uniform(0.01, 0.03))
    elif path == "slots":
        (worker,) = _core.status()
        return _say(start_response, repr([slot["number"] for slot in worker["slots"]]))
    elif path == "socket":
        answer_by_itself(environ["gunicorn.socket"])
    elif path == "gone":
        until_client_is_gone(environ["winghorn.client_disconnected"])
    return _say(start_response, path)


def swallow() -> None:
    """As views do that catch everything."""
    try:
        time.sleep(60)
    except Exception:
        _note("swallow: swallowed")
    finally:
        _note("swallow: cleaned up")


def extend(deadline: Any) -> list[float]:
    granted = [round(deadline.extend(seconds), 3) for seconds in (1.0, 100.0, 1.0)]
    time.sleep(1.2)
    return granted


keepsake: list[Any] = []


def kept(environ: dict[str, Any]) -> str:
    """What the objects of an earlier request say, and this request's own beside them."""
    said = []
    for call in keepsake:
        try:
            said.append(str(call()))
        except RuntimeError as error:
            said.append(str(error))
    keepsake[:] = [environ["winghorn.deadline"].remaining, environ["winghorn.client_disconnected"]]
    return "; ".join(said) or "nothing"


def until_client_is_gone(gone: Callable[[], bool]) -> None:
    _note("gone: not yet")
    until = time.monotonic() + 30
    while not gone() and time.monotonic() < until:
        time.sleep(0.01)
    _note(f"gone: {gone()}")


def compute(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def answer_by_itself(client: Any) -> None:
    client.fileno()
    time.sleep(0.8)
    client.sendall(b"mine\n")
    raise StopIteration


def _note(text: str) -> None:
    if path := os.environ.get("STUCK_LOG"):
        with Path(path).open("a") as log:
            log.write(text + "\n")


def _say(start_response: Any, text: str) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text.encode()]
