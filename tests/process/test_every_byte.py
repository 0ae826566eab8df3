# SPDX-License-Identifier: MIT
"""Header bytes 0 to 255 in every position of name and value, through a real server and its logs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import Closed, RawClient

TOKEN = set(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
VALUE = set(range(256)) - set(range(0x20)) - {0x7F} | {0x09}
NAME = b"Referer"
TEXT = b"value"
POSITIONS = [
    *(pytest.param("name", at, id=f"name-{at}") for at in range(len(NAME))),
    *(pytest.param("value", at, id=f"value-{at}") for at in range(len(TEXT))),
]


def replaced(text: bytes, at: int, byte: int) -> bytes:
    return text[:at] + bytes([byte]) + text[at + 1 :]


def is_allowed(where: str, at: int, byte: int) -> bool:
    if where == "value":
        return byte in VALUE
    # A colon ends the name, wherever it is; there must be one before it.
    return byte in TOKEN or (byte == ord(":") and at > 0)


def status_of(client: RawClient) -> int:
    try:
        return client.read_response().status
    except Closed:
        return 0


@pytest.mark.parametrize(("where", "at"), POSITIONS)
def test_every_byte_in_a_header(serve: Serve, tmp_path: Path, where: str, at: int) -> None:
    """200 or 400 as RFC 9110 5.1 and 5.5 say; one well-formed access line for each 200."""
    log = tmp_path / "access"
    server = serve(
        "trouble:app", "--access-logfile", str(log), "--access-logformat", '%(s)s "%(f)s"'
    )
    wrong = []
    for byte in range(256):
        name = replaced(NAME, at, byte) if where == "name" else NAME
        text = replaced(TEXT, at, byte) if where == "value" else TEXT
        with server.client() as client:
            client.send(
                b"GET /hello HTTP/1.1\r\nHost: test\r\n" + name + b": " + text + b"\r\n\r\n"
            )
            status = status_of(client)
        if status != (200 if is_allowed(where, at, byte) else 400):
            wrong.append((byte, status))
    assert not wrong
    server.stop()
    lines = log.read_bytes().split(b"\n")[:-1]
    expected = sum(is_allowed(where, at, byte) for byte in range(256))
    assert sum(line.startswith(b"200 ") for line in lines) == expected
    for line in lines:
        assert re.fullmatch(rb'[24]\d\d "[\x20-\x7e]*"', line), line
    assert all(line.isprintable() for line in server.log.text.splitlines())
