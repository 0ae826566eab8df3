# SPDX-License-Identifier: MIT
"""What a client may send in all, and how often it may be connected."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import RawClient, ask
from tests.support.trace import Trace

HEAD = "POST /echo HTTP/1.1\r\nHost: test\r\n"


@pytest.mark.parametrize("threads", ["1", "2"])
def test_body_beyond_the_limit(serve: Serve, threads: str, trace: Trace) -> None:
    """413 as soon as that is known, by its length or by its chunks; the application never runs."""
    options = ["--threads", threads, "--limit-request-body", "1000"]
    server = serve("trouble:app", *options, env=trace.env)
    within = ask(server.address, f"{HEAD}Content-Length: 1000\r\n\r\n{'x' * 1000}")
    assert (within.status, len(within.body)) == (200, 1000)
    for rest in (
        "Content-Length: 1001\r\n\r\n",
        "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
        f"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{'x' * 1000}\r\n1\r\n",
    ):
        with server.client() as client:
            client.send(HEAD + rest)
            answer = client.read_response()
            assert (answer.status, answer.reason) == (413, "Content Too Large")
            assert b"Request body is too large (" in answer.body
            client.half_close()
            assert client.closed_cleanly()
    assert trace.count("/echo") == 1
    server.wait_for_log(r"Request body is too large \(1001 > 1000\)")


def test_whole_answer_although_the_upload_goes_on(serve: Serve) -> None:
    """A client that sends all of its body first reads the refusal all the same."""
    server = serve("trouble:app", "--limit-request-body", "1000")
    for _ in range(20):
        with server.client() as client:
            client.send(f"{HEAD}Content-Length: 200000\r\n\r\n{'x' * 200_000}")
            assert client.read_response().status == 413
            assert client.closed_cleanly()


def test_one_address_has_so_many_connections(serve: Serve) -> None:
    """Its next is closed at once, others are served, and it may come back."""
    server = serve(
        "trouble:app", "--limit-peer-connections", "2", "--forwarded-allow-ips", "192.0.2.1"
    )
    hello = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
    with server.client() as one, server.client() as two:
        for client in (one, two):
            client.send(hello)
            assert client.read_response().status == 200
        with server.client() as third:
            assert third.read_until_closed() == b""
        with RawClient(server.address, source="127.0.0.2") as other:
            other.send(hello)
            assert other.read_response().status == 200
        one.send(hello)
        assert one.read_response().status == 200
    server.wait_for_log(
        r"A connection from 127.0.0.1 is closed: it has 2 \(setting limit_peer_connections\)"
    )


def test_a_gigabyte_for_a_route_that_answers_at_once(serve: Serve, tmp_path: Path) -> None:
    """A client that goes on sending until it cannot gets the whole answer, 100 of 100."""
    (tmp_path / "early.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', '50000')])\n"
        "    return [b'x' * 50_000]\n"
    )
    options = ["--body-buffer", "4096", "--spill-limit", "0"]
    server = serve("early:app", *options, cwd=tmp_path)
    block = b"u" * (1 << 18)
    for _ in range(100):
        with server.client() as client:
            client.send(f"{HEAD}Content-Length: {1 << 30}\r\n\r\n")
            left = 1 << 30
            with suppress(OSError):
                while left > 0:
                    client.send(block)
                    left -= len(block)
            assert left > 0, "all of it was taken"
            answer = client.read_response()
            assert (answer.status, len(answer.body)) == (200, 50_000)
            assert answer.get("Connection") == "close"
