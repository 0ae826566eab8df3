# SPDX-License-Identifier: MIT
"""The application's own signal handlers run while its request waits for its client (PEP 475)."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import RawClient, ask
from tests.support.server import Server
from tests.support.waiting import wait_until

LENGTH = 8 << 20  # more than the reply may be ahead and the kernel holds

APP = """
import os
import signal

LENGTH = 8 << 20

class Alarm(Exception):
    pass

def handle(number, frame):
    os.write(2, b"handled\\n")

def interrupt(number, frame):
    signal.signal(number, signal.SIG_IGN)
    raise Alarm("rang")

signal.signal(signal.SIGALRM, handle)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/interrupt":
        signal.signal(signal.SIGALRM, interrupt)
    if environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Length", str(LENGTH))])
        return [b"x" * LENGTH, b""]
    try:
        body = environ["wsgi.input"].read()
    except Alarm as alarm:
        body = str(alarm).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> Server:
    (tmp_path / "signalled.py").write_text(APP)
    server = serve("signalled:app", "--worker-class", "sync", cwd=tmp_path)
    # Answered, so imported: until then an alarm would end the worker.
    assert ask(server.address, "POST / HTTP/1.1\r\nHost: test\r\n\r\n").status == 200
    return server


def alarm_until(server: Server, pattern: str) -> None:
    """Signals the worker until its log shows it: a signal that comes before it waits is no test."""
    (worker,) = server.workers()

    def look() -> bool:
        os.kill(worker, signal.SIGALRM)
        return bool(server.log.matches(pattern))

    wait_until(look, lambda: f"{pattern!r} in the log:\n{server.log.text}")


def post_and_hold_back(client: RawClient, path: str) -> None:
    """A request whose application waits for its body."""
    client.send(
        f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    assert client.read_interim().status == 100


def test_a_handler_runs_while_the_body_is_awaited(server: Server) -> None:
    with server.client() as client:
        post_and_hold_back(client, "/handle")
        alarm_until(server, "^handled$")
        client.send("body")
        assert client.read_response().text == "body"


def test_a_handler_that_raises_interrupts_the_read(server: Server) -> None:
    with server.client() as client:
        post_and_hold_back(client, "/interrupt")
        (worker,) = server.workers()

        def answered() -> bool:
            os.kill(worker, signal.SIGALRM)
            client.socket.settimeout(0.1)
            try:
                return client.read_response().text == "rang"
            except TimeoutError:
                return False

        wait_until(answered, "the answer of an interrupted read")


def get_and_take_one_byte(client: RawClient, path: str) -> None:
    """The reply has begun, and the application waits until more of it is taken."""
    client.get(path, "Connection: close")
    assert client.socket.recv(1) == b"H"


def take_the_rest(client: RawClient) -> bytes:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return client.read_until_closed().partition(b"\r\n\r\n")[2]


def test_a_handler_runs_while_the_client_takes_its_time(server: Server) -> None:
    with server.client(receive_buffer=4096) as client:
        get_and_take_one_byte(client, "/handle")
        alarm_until(server, "^handled$")
        assert take_the_rest(client) == b"x" * LENGTH


def test_a_handler_that_raises_ends_a_reply_that_is_not_taken(server: Server) -> None:
    with server.client(receive_buffer=4096) as client:
        get_and_take_one_byte(client, "/interrupt")
        alarm_until(server, r"Error handling request GET /interrupt$")
        server.wait_for_log(r"Alarm: rang")
        assert len(take_the_rest(client)) < LENGTH
