# SPDX-License-Identifier: MIT
"""What one request or one client does is never seen by another."""

from __future__ import annotations

import hashlib
import os
import random
import threading

import pytest

from tests.conftest import Serve
from tests.support.client import Closed, ask
from tests.support.server import Server
from tests.support.waiting import PATIENCE

HOST = "Host: test\r\n"


def _talk(server: Server, seed: int, troubles: list[str]) -> None:
    """Random bodies, split at random places, with resets now and then; every answer is checked."""
    chance = random.Random(seed)
    try:
        for number in range(40):
            with server.client() as client:
                for turn in range(chance.randint(1, 5)):
                    name = f"{seed}-{number}-{turn}"
                    body = name.encode() + chance.randbytes(chance.randint(0, 20_000))
                    head = (
                        f"POST /echo?name={name} HTTP/1.1\r\n{HOST}X-Name: {name}\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n"
                    )
                    data = head.encode() + body
                    cut = chance.randint(0, len(data))
                    client.send(data[:cut])
                    if chance.random() < 0.1:
                        client.reset()
                        break
                    client.send(data[cut:])
                    reply = client.read_response()
                    if reply.status != 200 or reply.body != body:
                        troubles.append(f"{name}: {reply.status}, {len(reply.body)} bytes")
    except (OSError, Closed) as trouble:
        troubles.append(f"{seed}: {trouble!r}")


@pytest.mark.parametrize("threads", ["1", "4"])
def test_nobody_gets_anothers_answer(serve: Serve, threads: str) -> None:
    """Many connections, random bodies and resets: every answer is that of its request."""
    server = serve("trouble:app", "--workers", "2", "--threads", threads, workers=2)
    troubles: list[str] = []
    talkers = [threading.Thread(target=_talk, args=(server, n, troubles)) for n in range(8)]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join(PATIENCE * 2)
    assert troubles == []


@pytest.mark.parametrize("threads", ["1", "4"])
def test_unread_body_does_not_reach_the_next_request(serve: Serve, threads: str) -> None:
    """A body that was not read, or half read, is gone when the next one is."""
    server = serve("trouble:app", "--threads", threads)
    with server.client() as client:
        for number in range(20):
            first = os.urandom(5000)
            client.send(f"POST /ignore-body HTTP/1.1\r\n{HOST}Content-Length: {len(first)}\r\n\r\n")
            client.send(first)
            assert client.read_response().status == 200
            second = f"body {number}".encode() * 100
            client.send(f"POST /digest HTTP/1.1\r\n{HOST}Content-Length: {len(second)}\r\n\r\n")
            client.send(second)
            assert hashlib.sha256(second).hexdigest() in client.read_response().text


def test_application_that_closes_our_descriptors(serve: Serve) -> None:
    """A worker whose descriptors were closed under it is replaced; others see nothing of it."""
    server = serve("trouble:app")
    workers = server.wait_for_workers(1)
    with server.client() as client:
        client.get("/closes-descriptors")
        client.read_until_closed()
    server.wait_for_workers(1, other_than=workers)
    assert ask(server.address, f"GET /hello HTTP/1.1\r\n{HOST}\r\n").status == 200


def test_application_that_leaves_its_folder(serve: Serve) -> None:
    """An application may change its folder and its umask; the next requests do not care."""
    server = serve("trouble:app", "--access-logfile", "-")
    assert ask(server.address, f"GET /goes-away HTTP/1.1\r\n{HOST}\r\n").status == 200
    for _ in range(3):
        assert ask(server.address, f"GET /hello HTTP/1.1\r\n{HOST}\r\n").status == 200
    server.wait_for_out("/hello")
