# SPDX-License-Identifier: MIT
"""Real proxies in front of a server, on a port that nobody else can have."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.client import ask
from tests.support.waiting import PATIENCE, wait_until

Address = tuple[str, int]
HELLO = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


def program(name: str) -> str:
    """Its path; the test is skipped where it is not installed."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def in_front(command: Callable[[socket.socket], list[str]]) -> Iterator[Address]:
    """`command` makes one of a listening socket, which is passed on to what it starts."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        address: Address = door.getsockname()
        # By this variable nginx is told of sockets, as at an upgrade of its own.
        environment = {**os.environ, "NGINX": f"{door.fileno()};"}
        words = command(door)
        process = subprocess.Popen(words, pass_fds=[door.fileno()], env=environment)

    def answers() -> bool:
        try:
            return ask(address, HELLO).status < 500
        except OSError:
            return False

    try:
        wait_until(lambda: process.poll() is not None or answers(), f"{words[0]} answers")
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def haproxy(template: str, folder: Path, **parts: object) -> Iterator[Address]:
    """With a configuration that has {descriptor} where it listens."""
    found = program("haproxy")
    config = folder / "haproxy.cfg"

    def command(door: socket.socket) -> list[str]:
        config.write_text(template.format(descriptor=door.fileno(), **parts))
        return [found, "-db", "-f", str(config)]

    with in_front(command) as address:
        yield address
