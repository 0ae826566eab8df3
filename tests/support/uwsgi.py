# SPDX-License-Identifier: MIT
"""uwsgi packets, good and bad ones."""

from __future__ import annotations

from collections.abc import Iterable


def text(value: str | bytes) -> bytes:
    raw = value.encode("latin-1") if isinstance(value, str) else value
    return len(raw).to_bytes(2, "little") + raw


def packet_of(block: bytes, modifier: int = 0) -> bytes:
    """A packet with any bytes for variables."""
    return bytes([modifier]) + len(block).to_bytes(2, "little") + b"\0" + block


def packet(variables: Iterable[tuple[str, str | bytes]]) -> bytes:
    return packet_of(b"".join(text(name) + text(value) for name, value in variables))


def get(uri: str, *more: tuple[str, str | bytes], method: str = "GET") -> bytes:
    """A request as nginx would send it, as far as we look at it."""
    path, _, query = uri.partition("?")
    usual = [("REQUEST_METHOD", method), ("REQUEST_URI", uri), ("PATH_INFO", path)]
    return packet([*usual, ("QUERY_STRING", query), *more])


def post(uri: str, body: bytes, *more: tuple[str, str | bytes]) -> bytes:
    return get(uri, ("CONTENT_LENGTH", str(len(body))), *more, method="POST") + body
