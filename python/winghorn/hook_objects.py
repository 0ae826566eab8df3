# SPDX-License-Identifier: MIT
"""What hooks are given besides the server: workers, listening sockets, the application.

Each has the attributes that gunicorn's has, as far as hooks look at them.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from winghorn import _core

if TYPE_CHECKING:
    from winghorn._core import SocketDescription
    from winghorn.app_loader import Application
    from winghorn.config import Config
    from winghorn.reloader import Reloader
    from winghorn.server import Generation, Log, Server


class Heartbeat:
    """A worker's sign of life, which the server measures by itself.

    An application that computes for long says by notify() that it gets on; where the main thread
    runs the requests (worker class sync), the setting timeout begins anew with that.
    """

    @staticmethod
    def notify() -> None:
        """What runs in this worker gets on, although it has not returned."""
        _core.note_progress()


class Worker:
    """A worker as hooks see it: in the arbiter as a record, in its own process as itself.

    A hook may set `max_requests` until the worker serves: after so many it is replaced.
    """

    def __init__(
        self,
        age: int,
        ppid: int,
        generation: Generation,
        log: Log,
        app: Any = None,
        sockets: Sequence[ListeningSocket] = (),
    ) -> None:
        cfg = generation.cfg
        self.age = age
        self.generation = generation
        self.pid: int | str = "[booting]"
        self.ppid = ppid
        self.cfg = cfg
        self.log = log
        self.app = app
        self.sockets = list(sockets)
        self.timeout = cfg.timeout / 2
        self.max_requests = drawn_limit(cfg.max_requests, cfg.max_requests_jitter)
        self.tmp = Heartbeat()
        self.booted = False
        self.aborted = False
        self.alive = True
        self.wsgi: Application | None = None
        self.reloader: Reloader | None = None
        self.begun = 0  # requests that request hooks have seen begin

    @property
    def nr(self) -> int:
        """How many requests it has answered."""
        counted = sum(row["requests"] for row in _core.status() if row["pid"] == self.pid)
        return max(counted, self.begun)

    def notify(self) -> None:
        """What runs in this worker gets on, although it has not returned; see Heartbeat."""
        self.tmp.notify()

    def __str__(self) -> str:
        return f"<Worker {self.pid}>"


def drawn_limit(requests: int, jitter: int) -> int:
    """`requests` and up to `jitter` more, so that workers that start together do not leave so.

    sys.maxsize when `requests` is 0, which is no limit.
    """
    if requests == 0:
        return sys.maxsize
    return requests + int.from_bytes(os.urandom(8), "little") % (jitter + 1)


class ListeningSocket:
    """A socket that the server listens at."""

    def __init__(self, descriptor: int, text: str, address: str | tuple[str, int]) -> None:
        self._descriptor = descriptor
        self._text = text
        self.cfg_addr = address

    @classmethod
    def of(cls, described: SocketDescription) -> ListeningSocket:
        """As the extension describes it."""
        descriptor, text, name, port = described
        return cls(descriptor, text, os.fsdecode(name) if port == 0 else (name.decode(), port))

    def fileno(self) -> int:
        """The descriptor, in this process."""
        return self._descriptor

    @property
    def sock(self) -> socket.socket:
        """A socket object with a descriptor of its own: it is its owner's to close."""
        return socket.socket(fileno=os.dup(self._descriptor))

    def getsockname(self) -> Any:
        """Where it is bound, as Python's sockets say it."""
        with self.sock as one:
            return one.getsockname()

    def __str__(self) -> str:
        return self._text


class Pidfile:
    """The pid file."""

    def __init__(self, fname: str) -> None:
        self.fname = fname


class Served:
    """What the command serves: of gunicorn's WSGIApplication what hooks look at.

    `load` gives the application, the same one each time; it raises BootError.
    """

    def __init__(self, server: Server, load: Callable[[], Application]) -> None:
        self._server = server
        self._load = load
        self.callable: Application | None = None  # once it is loaded

    @property
    def cfg(self) -> Config:
        """The configuration of the generation that is wanted."""
        return self._server.cfg

    @property
    def app_uri(self) -> str:
        """The setting wsgi_app."""
        return self.cfg.wsgi_app or ""

    def wsgi(self) -> Application:
        """The application, loaded when it is asked for the first time.

        Raises BootError, and RuntimeError in the arbiter: it imports none, so that each HUP can.
        """
        if self.callable is None and os.getpid() == self._server.pid:
            raise RuntimeError("the arbiter does not import the application: its workers do")
        if self.callable is None:
            self.callable = self._load()
        return self.callable
