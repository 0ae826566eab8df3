# SPDX-License-Identifier: MIT
"""The WSGI applications every server of the bench runs, one for each kind of work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

HELLO = b"Hello, world!\n"
TEN_KIB = b"x" * 10240


def _headers(size: int) -> list[tuple[str, str]]:
    return [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(size))]


def hello(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Fourteen bytes."""
    start_response("200 OK", _headers(len(HELLO)))
    return [HELLO]


def body10k(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Ten KiB that are made once."""
    start_response("200 OK", _headers(len(TEN_KIB)))
    return [TEN_KIB]


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The body of the request, read as a whole."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", _headers(len(body)))
    return [body]
