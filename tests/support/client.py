# SPDX-License-Identifier: MIT
"""A client on a raw socket: says exactly the bytes it is given, reads exactly one response.

Ordinary requests belong to httpx; this one is for what no library would send.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

from tests.support.waiting import PATIENCE

Address = tuple[str, int] | str


class Closed(AssertionError):
    """The server closed the connection where more was expected; `seen` came before."""

    def __init__(self, seen: bytes) -> None:
        super().__init__(f"connection closed after {seen[-400:]!r}")
        self.seen = seen


@dataclass
class Response:
    """One response as it came, interim ones (1xx) apart."""

    version: str
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    interim: list[Response] = field(default_factory=list)
    raw: bytes = b""

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class RawClient:
    def __init__(
        self,
        address: Address,
        seconds: float = PATIENCE,
        receive_buffer: int = 0,
        source: str | None = None,
    ) -> None:
        family = (
            socket.AF_UNIX
            if isinstance(address, str)
            else (socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        )
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._kept = b""
        self._taken = b""
        try:
            if source is not None:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ---- sending ----

    def send(self, data: bytes | str) -> None:
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def get(self, path: str = "/", *lines: str) -> None:
        """Sends a whole GET request on HTTP/1.1."""
        self.send("\r\n".join([f"GET {path} HTTP/1.1", "Host: test", *lines, "", ""]))

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Closes so that the peer sees ECONNRESET."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    # ---- receiving ----

    def read_response(self, method: str = "GET") -> Response:
        """Exactly one final response with its whole body. Raises Closed when it is cut."""
        self._taken = b""
        interim: list[Response] = []
        while True:
            head = self._read_head()
            if head.status >= 200 or head.status == 101:
                break
            interim.append(head)
        head.interim = interim
        head.body = self._read_body(head, method)
        head.raw = self._taken
        return head

    def read_interim(self) -> Response:
        """Exactly one head, for 1xx."""
        self._taken = b""
        return self._read_head()

    def read_until_closed(self) -> bytes:
        """Everything until the server closes; a reset counts as closing."""
        data, self._kept = self._kept, b""
        while True:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return data
            if not more:
                return data
            data += more

    def read_some(self) -> bytes:
        """What is there, waiting for at least one byte; empty when closed."""
        if self._kept:
            data, self._kept = self._kept, b""
            return data
        return self.socket.recv(65536)

    def closed_cleanly(self) -> bool:
        """Waits for the end; whether nothing more came and it was no reset."""
        try:
            return not self._kept and self.socket.recv(65536) == b""
        except ConnectionResetError:
            return False

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self._kept += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        data, self._kept = self._kept[:count], self._kept[count:]
        self._taken += data
        return data

    def _read_exactly(self, count: int) -> bytes:
        parts = []
        missing = count
        while missing:
            if not self._kept and not self._more():
                raise Closed(self._taken)
            part = self._take(missing)
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _read_to(self, mark: bytes) -> bytes:
        while (at := self._kept.find(mark)) < 0:
            if not self._more():
                raise Closed(self._taken + self._kept)
        return self._take(at + len(mark))[: -len(mark)]

    def _read_head(self) -> Response:
        lines = self._read_to(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        status, _, reason = rest.partition(" ")
        fields = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields.append((name, value.strip(" \t")))
        return Response(version, int(status), reason, fields)

    def _read_body(self, head: Response, method: str) -> bytes:
        if method == "HEAD" or head.status in (204, 304) or head.status < 200:
            return b""
        if (head.get("Transfer-Encoding") or "").lower() == "chunked":
            return self._read_chunks()
        length = head.get("Content-Length")
        if length is not None:
            return self._read_exactly(int(length))
        body, self._kept = self._kept, b""
        self._taken += body
        rest = self.read_until_closed()
        self._taken += rest
        return body + rest

    def _read_chunks(self) -> bytes:
        body: list[bytes] = []
        while True:
            size = int(self._read_to(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self._read_to(b"\r\n"):
                    pass
                return b"".join(body)
            body.append(self._read_exactly(size))
            assert self._read_exactly(2) == b"\r\n", "a chunk must end with CR LF"


def ask(address: Address, request: bytes | str, method: str = "GET") -> Response:
    """One request on a connection of its own, and its response."""
    with RawClient(address) as client:
        client.send(request)
        return client.read_response(method)
