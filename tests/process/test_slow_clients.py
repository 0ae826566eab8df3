# SPDX-License-Identifier: MIT
"""Clients that are slow, silent or greedy cost themselves, and nobody else."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import RawClient, ask
from tests.support.server import Server
from tests.support.trace import Trace
from tests.support.waiting import FACTOR, Stopwatch, let_pass, wait_until

HOST = "Host: test\r\n"
HELLO = f"GET /hello HTTP/1.1\r\n{HOST}\r\n"


def answered_at_once(server: Server) -> None:
    watch = Stopwatch()
    assert ask(server.address, HELLO).text == "hello\n"
    assert watch.seconds < 3 * FACTOR


def clients(stack: ExitStack, server: Server, count: int, sends: str) -> list[RawClient]:
    made = []
    for _ in range(count):
        client = stack.enter_context(server.client())
        if sends:
            client.send(sends)
        made.append(client)
    return made


@pytest.mark.parametrize("threads", ["1", "2"])
def test_half_sent_and_idle_against_one_worker(serve: Serve, threads: str) -> None:
    """8 half-sent requests and 100 idle connections: another client is answered at once."""
    server = serve("trouble:app", "--threads", threads)
    with ExitStack() as stack:
        half = clients(stack, server, 8, "GET /hello HTTP/1.1\r\nHost: te")
        clients(stack, server, 100, "")
        answered_at_once(server)
        for client in half:
            client.send("st\r\n\r\n")
            assert client.read_response().text == "hello\n"


@pytest.mark.parametrize("threads", ["1", "2"])
def test_half_sent_bodies_take_no_slot(serve: Serve, threads: str, trace: Trace) -> None:
    """Requests whose bodies are not complete wait in the engine, not in the application."""
    server = serve("trouble:app", "--threads", threads, env=trace.env)
    with ExitStack() as stack:
        head = f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 10\r\n\r\n"
        slow = clients(stack, server, 20, head + "12345")
        answered_at_once(server)
        assert trace.count("/echo") == 0
        for client in slow:
            client.send("67890")
        for client in slow:
            assert client.read_response().text == "1234567890"


def test_kept_alive_connections_take_no_slot(serve: Serve) -> None:
    """Connections that have been used and are idle now disturb nobody."""
    server = serve("trouble:app")
    with ExitStack() as stack:
        for client in clients(stack, server, 50, HELLO):
            assert client.read_response().status == 200
        answered_at_once(server)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_trickled_head_is_ended(serve: Serve, threads: str) -> None:
    """The clock of a head runs over the whole of it: a byte now and then does not stop it."""
    server = serve("trouble:app", "--threads", threads, "--head-timeout", "1")
    with server.client() as client:
        client.send("GET /hello HTTP/1.1\r\n")
        for number in range(100):
            try:
                client.send(f"X-{number}: 1\r\n")
            except OSError:
                break
            let_pass(0.1)
            if _readable(client):
                break
        else:
            raise AssertionError("a head may take ten seconds")
        data = client.read_until_closed()
        assert data.startswith(b"HTTP/1.1 408 ") or data == b""


def _readable(client: RawClient) -> bool:
    return bool(select.select([client.socket], [], [], 0)[0])


@pytest.mark.parametrize("sent", ["G", "GET / HTTP/1.1\r\nHost: a\r\n"])
def test_silent_head_is_ended(serve: Serve, sent: str) -> None:
    """A request that has begun and does not go on is closed after head_timeout."""
    server = serve("trouble:app", "--head-timeout", "1")
    with server.client() as client:
        client.send(sent)
        data = client.read_until_closed()
        assert data.startswith(b"HTTP/1.1 408 ") or data == b""
    answered_at_once(server)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_silent_body_is_ended(serve: Serve, threads: str, trace: Trace) -> None:
    """A body that stops coming is answered by 408 and its request never runs."""
    server = serve("trouble:app", "--threads", threads, "--body-timeout", "1", env=trace.env)
    with server.client() as client:
        client.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nabc")
        assert client.read_response().status == 408
        assert client.closed_cleanly()
    assert trace.count("/echo") == 0
    answered_at_once(server)


def test_slow_but_steady_body_is_read(serve: Serve) -> None:
    """A body that keeps coming is read to its end, however long that takes."""
    server = serve("trouble:app", "--body-timeout", "1")
    with server.client() as client:
        client.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 600\r\n\r\n")
        for _ in range(30):
            client.send("x" * 20)
            let_pass(0.1)
        assert len(client.read_response().body) == 600


@pytest.mark.parametrize("threads", ["1", "2"])
def test_client_that_does_not_read(serve: Serve, threads: str) -> None:
    """A client that takes nothing of a large answer: others are served, it is closed in the end."""
    server = serve("trouble:app", "--threads", threads, "--write-timeout", "1")
    worker = server.workers()[0]
    with server.client(receive_buffer=4096) as greedy:
        greedy.get("/big?bytes=50000000")
        if threads != "1":
            answered_at_once(server)
        # What the kernel holds can still be read; it is not the whole.
        wait_until(lambda: _closed_by_server(greedy), "the connection is closed")
    answered_at_once(server)
    assert server.workers() == [worker]


_ESTABLISHED = "01"


def _closed_by_server(client: RawClient) -> bool:
    """Whether the server's end of the connection is closed, without reading what is on the way."""
    port = client.socket.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].split(":")[1], 16) == port and fields[3] == _ESTABLISHED:
            return False
    return True


@pytest.mark.unsanitized("a sanitizer keeps what was freed, and surrounds what is not")
def test_answers_that_nobody_reads_do_not_pile_up(serve: Serve) -> None:
    """Ten clients that ask for 50 MB each and read nothing: memory stays bounded."""
    server = serve("trouble:app", "--threads", "10")
    answered_at_once(server)
    worker = server.workers()[0]
    before = processes.resident_kib(worker)
    with ExitStack() as stack:
        for _ in range(9):
            client = stack.enter_context(server.client(receive_buffer=4096))
            client.get("/big?bytes=50000000")
        for _ in range(20):
            answered_at_once(server)
        assert processes.resident_kib(worker) - before < 60_000


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_long_call_stops_nothing_else(serve: Serve, threads: str, trace: Trace) -> None:
    """While calls occupy every slot, half-sent requests are still timed out and bodies read."""
    server = serve("trouble:app", "--threads", threads, "--head-timeout", "1", env=trace.env)
    with ExitStack() as stack:
        half = stack.enter_context(server.client())
        body = stack.enter_context(server.client())
        for client in (half, body):  # connections of this worker before it is busy
            client.send(HELLO)
            assert client.read_response().status == 200
        calls = clients(stack, server, int(threads), f"GET /sleep?seconds=6 HTTP/1.1\r\n{HOST}\r\n")
        trace.wait_for("/sleep", count=int(threads))
        half.send("GET /hello HTTP/1.1\r\nHo")
        watch = Stopwatch()
        data = half.read_until_closed()
        assert data.startswith(b"HTTP/1.1 408 ") or data == b""
        assert watch.seconds < 4 * FACTOR, "ended while the calls were running"
        body.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nab")
        body.send("cd")
        for call in calls:
            assert call.read_response().text == "slept\n"
        assert body.read_response().text == "abcd"


@contextmanager
def busy_with_50_ms_calls(server: Server, count: int) -> Iterator[None]:
    """So many clients that ask for a call of 50 ms after the other."""
    stop = threading.Event()
    troubles: list[Exception] = []

    def go_on() -> None:
        try:
            with server.client() as client:
                while not stop.is_set():
                    client.get("/sleep?seconds=0.05")
                    assert client.read_response().text == "slept\n"
        except Exception as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=go_on) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20 * FACTOR)
    assert troubles == []


@pytest.mark.parametrize("callers", [1, 4])
def test_calls_of_50_ms_stop_nothing_else(serve: Serve, callers: int) -> None:
    """Blocking calls: heads are timed out, bodies read, connections accepted."""
    server = serve("trouble:app", "--threads", "2", "--head-timeout", "1")
    with busy_with_50_ms_calls(server, callers), ExitStack() as stack:
        half = stack.enter_context(server.client())
        half.send("GET /hello HTTP/1.1\r\nHo")
        slow = stack.enter_context(server.client())
        slow.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 20\r\n\r\n")
        for number in range(20):
            slow.send(f"{number % 10}")
            answered_at_once(server)
        assert slow.read_response().text == "0123456789" * 2
        data = half.read_until_closed()
        assert data.startswith(b"HTTP/1.1 408 ") or data == b""


@pytest.mark.unsanitized("a sanitizer keeps what was freed, and surrounds what is not")
def test_many_idle_connections_cost_little(serve: Serve) -> None:
    """A thousand idle connections: some kibibytes each, and all descriptors come back."""
    server = serve("trouble:app", "--worker-connections", "2000")
    answered_at_once(server)
    worker = server.workers()[0]
    before, open_before = processes.resident_kib(worker), len(processes.descriptors(worker))
    with ExitStack() as stack:
        for client in clients(stack, server, 1000, HELLO):
            assert client.read_response().status == 200
        answered_at_once(server)
        assert processes.resident_kib(worker) - before < 20 * 1000
    wait_until(
        lambda: len(processes.descriptors(worker)) <= open_before + 2, "descriptors come back"
    )
