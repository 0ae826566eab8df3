# SPDX-License-Identifier: MIT
"""One client's connection whose replies become text that can be compared.

Header fields are sorted by name, for their order among others means nothing; a chunked body is put
together and what framed it remains visible in the fields.
"""

from __future__ import annotations

import socket

PATIENCE = 8.0
# How long an idle connection is watched for its end. Shorter than any keepalive.
WATCH_SECONDS = 0.3


class Connection:
    """A connected socket with what was read ahead."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.settimeout(PATIENCE)
        self.port: int = connected.getsockname()[1]
        self._kept = b""
        self._over = ""

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends; that the peer has closed already will be seen when reading."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self._over = "reset"

    def exchange(self, data: bytes) -> str:
        """Sends a request and returns its reply."""
        self.send(data)
        return self.read(data.partition(b" ")[0].decode("latin-1"))

    def ended(self) -> str:
        """What comes behind the last reply: nothing, more bytes, or the end."""
        self.socket.settimeout(WATCH_SECONDS)
        try:
            while self._more():
                pass
        except TimeoutError:
            return "open" + (f", more: {self._kept[:200]!r}" if self._kept else "")
        finally:
            self.socket.settimeout(PATIENCE)
        # Whether an end is a reset depends on what was read of what was sent.
        return "closed" + (f", more: {self._kept[:200]!r}" if self._kept else "")

    def read(self, method: str = "GET") -> str:
        """The next reply with its interim ones, or how the connection ended instead."""
        shown: list[str] = []
        while True:
            head = self._head()
            if head is None:
                return "\n".join([*shown, f"no reply: {self._over}"])
            status, fields = head
            shown += [status, *sorted(f"{name}: {value}" for name, value in fields)]
            code = status.split(" ")[1][:3] if " " in status else ""
            if not code.startswith("1") or code == "101":
                break
        body = self._body(method, code, {name.lower(): value for name, value in fields})
        return "\n".join([*shown, "", body.decode("utf-8", "backslashreplace")])

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            self._over = "reset"
            return False
        self._over = self._over or ("" if data else "closed")
        self._kept += data
        return bool(data)

    def _head(self) -> tuple[str, list[tuple[str, str]]] | None:
        while b"\r\n\r\n" not in self._kept:
            try:
                if not self._more():
                    self._over += f" behind {self._kept[:200]!r}" if self._kept else ""
                    return None
            except TimeoutError:
                self._over = "silence" + (f" behind {self._kept[:200]!r}" if self._kept else "")
                return None
        head, _, self._kept = self._kept.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = [line.partition(":") for line in lines[1:]]
        return lines[0], [(name, value.strip()) for name, _, value in fields]

    def _body(self, method: str, code: str, fields: dict[str, str]) -> bytes:
        if method == "HEAD" or code in ("204", "304"):
            return b""
        if fields.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        length = fields.get("content-length")
        if length is None:
            while self._more():
                pass
            body, self._kept = self._kept, b""
            return body
        return self._take(int(length))

    def _take(self, count: int) -> bytes:
        while len(self._kept) < count:
            if not self._more():
                body, self._kept = self._kept, b""
                return body + b"<cut>"
        body, self._kept = self._kept[:count], self._kept[count:]
        return body

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._kept:
                if not self._more():
                    return body + self._kept + b"<cut>"
            line, _, self._kept = self._kept.partition(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            data = self._take(size + 2)
            if size == 0 or data.endswith(b"<cut>"):
                return body + (data.removesuffix(b"\r\n"))
            body += data[:-2]
