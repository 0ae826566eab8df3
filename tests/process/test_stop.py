# SPDX-License-Identifier: MIT
"""Ctrl-C, TERM and QUIT: how soon, what is finished, what is said, what is left."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import ask
from tests.support.server import Server
from tests.support.trace import Trace
from tests.support.waiting import FACTOR, Stopwatch, wait_until

HOST = "Host: test\r\n"
HELLO = f"GET /hello HTTP/1.1\r\n{HOST}\r\n"
SOON = 2.0 * FACTOR  # promised: within a second


def assert_quiet(server: Server) -> None:
    assert "Traceback" not in server.log.text
    assert "KeyboardInterrupt" not in server.log.text


@pytest.mark.parametrize("workers", ["1", "3"])
@pytest.mark.parametrize("threads", ["1", "4"])
def test_ctrl_c_while_idle(serve: Serve, workers: str, threads: str) -> None:
    """An idle server, idle connections included, is gone in a second; status 0, no traceback."""
    server = serve("trouble:app", "--workers", workers, "--threads", threads, workers=int(workers))
    with ExitStack() as stack:
        for number in range(10):
            client = stack.enter_context(server.client())
            if number % 2:
                client.send(HELLO)
                assert client.read_response().status == 200
        watch = Stopwatch()
        server.interrupt()
        assert server.wait_exit() == 0
        assert watch.seconds < SOON
    assert_quiet(server)
    server.wait_for_log(r"Handling signal: int")
    server.wait_for_log(r"\[INFO\] Shutting down: Master")


def test_ctrl_c_before_the_first_request(serve: Serve) -> None:
    """The same right after the start."""
    server = serve("hello:app", ready=False)
    server.wait_for_log("Listening at")
    watch = Stopwatch()
    server.interrupt()
    assert server.wait_exit() == 0
    assert watch.seconds < SOON
    assert_quiet(server)


SLOW_IMPORTS = {
    "sleeping": "import time\ntime.sleep(60)\n",
    "spinning": "while True:\n    pass\n",
    "hard of hearing": (
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n"
        "    except BaseException:\n        pass\n"
    ),
    "in C": "import ctypes\nm = ctypes.create_string_buffer(64)\n"
    "lock = ctypes.PyDLL(None).pthread_mutex_lock\nlock(m)\nlock(m)\n",
}


@pytest.mark.parametrize("kind", SLOW_IMPORTS)
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_during_a_slow_import(serve: Serve, tmp_path: Path, kind: str, presses: int) -> None:
    """Ctrl-C ends an import that takes long, whatever it does, and so does a second one."""
    (tmp_path / "slow_site.py").write_text(SLOW_IMPORTS[kind])
    server = serve("slow_site:app", cwd=tmp_path, ready=False)
    server.wait_for_log("Booting worker")
    watch = Stopwatch()
    for _ in range(presses):
        server.interrupt()
    assert server.wait_exit() == 0
    assert watch.seconds < SOON
    assert_quiet(server)


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("path", ["/sleep?seconds=60", "/hang-in-c", "/deadlock"])
def test_second_ctrl_c_ends_at_once(serve: Serve, trace: Trace, threads: str, path: str) -> None:
    """Requests that do not end cannot hold it against a second Ctrl-C."""
    server = serve("trouble:app", "--threads", threads, "--timeout", "90", env=trace.env)
    with server.client() as client:
        client.get(path)
        trace.wait_for(path)
        server.interrupt()
        server.wait_for_log(r"Handling signal: int")
        if server.running():
            watch = Stopwatch()
            server.interrupt()
            assert server.wait_exit() == 0
            assert watch.seconds < SOON
    assert_quiet(server)


def test_term_waits_for_running_requests(serve: Serve, trace: Trace) -> None:
    """TERM: a running request gets its answer, which says close; then status 0."""
    server = serve("trouble:app", env=trace.env)
    with server.client() as client:
        client.get("/sleep?seconds=2")
        trace.wait_for("/sleep")
        server.signal(signal.SIGTERM)
        reply = client.read_response()
        assert (reply.status, reply.text) == (200, "slept\n")
        assert reply.get("Connection") == "close"
        assert client.closed_cleanly()
    assert server.wait_exit() == 0
    server.wait_for_log(r"Handling signal: term")


@pytest.mark.parametrize("threads", ["1", "2"])
def test_term_answers_queued_requests(serve: Serve, trace: Trace, threads: str) -> None:
    """Requests that wait when TERM comes, accepted or still in the backlog, are answered too."""
    server = serve("trouble:app", "--threads", threads, env=trace.env)
    with ExitStack() as stack:
        running = [stack.enter_context(server.client()) for _ in range(int(threads))]
        for client in running:
            client.get("/sleep?seconds=1")
        trace.wait_for("/sleep", count=int(threads))
        queued = [stack.enter_context(server.client()) for _ in range(20)]
        for client in queued:
            client.get("/hello")
        server.signal(signal.SIGTERM)
        for client in running:
            assert client.read_response().text == "slept\n"
        for client in queued:
            assert client.read_response().text == "hello\n"
    assert server.wait_exit() == 0


def test_term_waits_for_a_body_on_its_way(serve: Serve) -> None:
    """A request whose body is half here is finished as well."""
    server = serve("trouble:app")
    with server.client() as client:
        client.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 8\r\n\r\n1234")
        ask(server.address, HELLO)
        server.signal(signal.SIGTERM)
        server.wait_for_log(r"Handling signal: term")
        client.send("5678")
        assert client.read_response().text == "12345678"
    assert server.wait_exit() == 0


def test_term_closes_idle_connections(serve: Serve) -> None:
    """Idle connections do not keep the server: they are closed, cleanly."""
    server = serve("trouble:app", "--threads", "2")
    with server.client() as used, server.client() as silent:
        used.send(HELLO)
        assert used.read_response().status == 200
        watch = Stopwatch()
        server.signal(signal.SIGTERM)
        assert used.closed_cleanly()
        assert silent.closed_cleanly()
        assert server.wait_exit() == 0
        assert watch.seconds < 5 * FACTOR


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("path", ["/sleep?seconds=60", "/hang-in-c"])
def test_term_waits_no_longer_than_graceful_timeout(
    serve: Serve, trace: Trace, threads: str, path: str
) -> None:
    """A request that outlasts graceful_timeout is cut; status 0 all the same."""
    server = serve("trouble:app", "--threads", threads, "--graceful-timeout", "1", env=trace.env)
    with server.client() as client:
        client.get(path)
        trace.wait_for(path)
        server.signal(signal.SIGTERM)
        data = client.read_until_closed()
        assert b" 200 " not in data
    assert server.wait_exit() == 0


def test_term_then_ctrl_c_hurries(serve: Serve, trace: Trace) -> None:
    """INT during a graceful stop makes it quick."""
    server = serve("trouble:app", env=trace.env)
    with server.client() as client:
        client.get("/sleep?seconds=60")
        trace.wait_for("/sleep")
        server.signal(signal.SIGTERM)
        server.wait_for_log(r"Handling signal: term")
        watch = Stopwatch()
        server.signal(signal.SIGINT)
        assert server.wait_exit() == 0
        assert watch.seconds < 10 * FACTOR


def test_quit_is_a_quick_stop(serve: Serve) -> None:
    """QUIT ends an idle server at once, status 0."""
    server = serve("trouble:app", "--workers", "2", workers=2)
    server.wait_for_workers(2)
    server.signal(signal.SIGQUIT)
    assert server.wait_exit() == 0
    assert_quiet(server)


def test_stolen_signal_handlers_do_not_stop_the_stop(serve: Serve) -> None:
    """An application that ignores TERM, QUIT and USR1 is stopped like any other."""
    server = serve("trouble:app")
    assert ask(server.address, f"GET /steals-signals HTTP/1.1\r\n{HOST}\r\n").status == 200
    watch = Stopwatch()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert watch.seconds < 5 * FACTOR


def test_nothing_is_left(serve: Serve, tmp_path: Path) -> None:
    """After a stop the port is free, socket files are gone, no worker lives."""
    path = tmp_path / "s"
    server = serve("trouble:app", "--workers", "2", "-b", f"unix:{path}", workers=2)
    workers = server.wait_for_workers(2)
    port = server.port
    assert path.exists()
    assert server.stop() == 0
    assert not path.exists()
    assert not any(processes.alive(pid) for pid in workers)
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_stop_with_a_dead_worker(serve: Serve) -> None:
    """A worker that was stopped by SIGSTOP cannot hold the server."""
    server = serve("trouble:app", "--workers", "2", "--graceful-timeout", "1", workers=2)
    worker = server.wait_for_workers(2)[0]
    os.kill(worker, signal.SIGSTOP)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    wait_until(lambda: not processes.alive(worker), "the stopped worker is gone")
