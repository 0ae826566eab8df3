# SPDX-License-Identifier: MIT
"""systemd's side of a service: what it is told, the sockets it passes, its unit files."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from tests.support.waiting import PATIENCE

_AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def passing(descriptor: int) -> list[str]:
    """What stands before a command that is to get this socket as systemd would pass it."""
    return [sys.executable, "-c", _AS_SYSTEMD, str(descriptor)]


class Notified:
    """The socket that NOTIFY_SOCKET names; with `with`, closed and removed at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(PATIENCE)
        self.environment = {"NOTIFY_SOCKET": str(path)}

    def __enter__(self) -> Notified:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()
        self._path.unlink()

    def next_other_than(self, *words: str) -> list[str]:
        """The lines of the next message that is not just one of these words."""
        while True:
            lines = self.socket.recv(4096).decode().splitlines()
            if lines[0] not in words:
                return lines


def settings_of(unit: Path) -> dict[str, str]:
    """NAME=VALUE lines of all sections; our units give no name twice."""
    lines = [line for line in unit.read_text(encoding="utf-8").splitlines() if "=" in line]
    pairs = [line.partition("=") for line in lines if not line.startswith("#")]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: value for name, _, value in pairs}
