# SPDX-License-Identifier: MIT
"""Where a program under comparison may send datagrams: a UDP port and a Unix socket."""

from __future__ import annotations

import selectors
import socket
from pathlib import Path
from types import TracebackType

MOST_BYTES = 65536


class Ear:
    """Hears what is sent to `port` of 127.0.0.1 and to the socket `path`; `datagrams` in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.datagrams: list[str] = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.port: int = self._udp.getsockname()[1]
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._unix.bind(str(path))

    def __enter__(self) -> Ear:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._udp.close()
        self._unix.close()

    def listen(self) -> list[str]:
        """All datagrams so far."""
        with selectors.DefaultSelector() as selector:
            for one in (self._udp, self._unix):
                selector.register(one, selectors.EVENT_READ)
            while ready := selector.select(0):
                for key, _ in ready:
                    data = key.fileobj.recv(MOST_BYTES)  # type: ignore[union-attr]
                    self.datagrams.append(data.decode("utf-8", "replace"))
        return self.datagrams
