# SPDX-License-Identifier: MIT
"""Clients on kept-alive connections that go on asking, and remember what became of each request.

Every request has a name of its own and is never sent again, so that the application's trace shows
whether anything ran twice, and the record shows who lost what.
"""

from __future__ import annotations

import http.client
import itertools
import threading
from dataclasses import dataclass, field

from tests.support.server import Server
from tests.support.waiting import PATIENCE, wait_until

_names = itertools.count(1)


@dataclass
class Failure:
    name: str
    worker: int | None
    """The worker that has answered on this connection before, or None on a new one."""
    why: str


@dataclass
class Record:
    answered: int = 0
    names: set[str] = field(default_factory=set)
    """Of those that were answered."""
    failures: list[Failure] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)


class Load:
    """`with Load(server, clients=4) as load:` asks for /pid until the block ends.

    `reuse` requests go over one connection; 0: as many as the server allows.
    """

    def __init__(
        self, server: Server, clients: int = 4, path: str = "/pid", reuse: int = 0
    ) -> None:
        self._address = ("127.0.0.1", server.port)
        self._path = path
        self._reuse = reuse
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.record = Record()
        self._threads = [threading.Thread(target=self._client) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE * 2)

    def wait_for_answers(self, more: int) -> None:
        """Until so many more requests than now have been answered."""
        wanted = self.record.answered + more
        wait_until(
            lambda: self.record.answered >= wanted,
            lambda: f"{wanted} answers: {self.record}",
        )

    def _client(self) -> None:
        while not self._stop.is_set():
            try:
                connection = http.client.HTTPConnection(*self._address, timeout=PATIENCE)
                connection.connect()
            except OSError as trouble:
                with self._lock:
                    self.record.refused.append(repr(trouble))
                self._stop.wait(0.01)
                continue
            try:
                self._use(connection)
            finally:
                connection.close()

    def _use(self, connection: http.client.HTTPConnection) -> None:
        worker: int | None = None
        for number in itertools.count(1):
            if self._stop.is_set():
                return
            name = f"load-{next(_names)}"
            try:
                connection.request("GET", f"{self._path}?name={name}")
                reply = connection.getresponse()
                body = reply.read()
            except (OSError, http.client.HTTPException) as trouble:
                with self._lock:
                    self.record.failures.append(Failure(name, worker, repr(trouble)))
                return
            with self._lock:
                self.record.answered += 1
                self.record.names.add(name)
                self.record.statuses[reply.status] = self.record.statuses.get(reply.status, 0) + 1
            if reply.will_close or number == self._reuse:
                return
            worker = int(body) if body.isdigit() else None
