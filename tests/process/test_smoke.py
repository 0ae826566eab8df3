# SPDX-License-Identifier: MIT
"""The few tests that show in seconds whether anything works at all."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import Serve

pytestmark = pytest.mark.smoke


def test_serves_one_request(serve: Serve) -> None:
    """One GET gets the application's answer."""
    server = serve("hello:app")
    reply = httpx.get(server.url)
    assert reply.status_code == 200
    assert reply.text.startswith("hello from ")


def test_serves_with_threads(serve: Serve) -> None:
    """The worker class with threads answers too."""
    server = serve("hello:app", "--threads", "4")
    assert httpx.get(server.url).status_code == 200
    server.wait_for_log(r"Using worker: gthread")


def test_keeps_a_connection(serve: Serve) -> None:
    """Two requests on one connection get two answers."""
    server = serve("hello:app")
    with server.client() as client:
        for _ in range(2):
            client.get("/")
            assert client.read_response().status == 200


def test_echoes_a_body(serve: Serve) -> None:
    """A body comes back to the byte."""
    server = serve("winghorn.demo:app")
    body = bytes(range(256)) * 512
    assert httpx.post(server.url + "/echo", content=body).content == body


def test_stops_cleanly(serve: Serve) -> None:
    """TERM ends it with status 0, and the last lines say so."""
    server = serve("hello:app", "--workers", "2", workers=2)
    workers = server.workers()
    assert server.stop() == 0
    assert "Shutting down: Master" in server.log.text
    assert workers


def test_application_that_raises_gets_500(serve: Serve) -> None:
    """An exception is answered by 500 and told in the log."""
    server = serve("trouble:app")
    assert httpx.get(server.url + "/raises").status_code == 500
    server.wait_for_log(r"ValueError: raised before the head")
