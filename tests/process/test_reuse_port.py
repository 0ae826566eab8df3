# SPDX-License-Identifier: MIT
"""reuse_port: each worker has TCP sockets of its own, and no request is lost for that."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import RawClient, ask
from tests.support.load import Load
from tests.support.server import Server
from tests.support.trace import Trace
from tests.support.waiting import PATIENCE, wait_until

GET = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
LISTENS = "0A"


def sockets_at(port: int) -> set[str]:
    """The inodes of the sockets that listen at a port of IPv4."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {one[9] for one in fields if one[1].endswith(f":{port:04X}") and one[3] == LISTENS}


def sockets_of(pid: int) -> set[str]:
    found = processes.descriptors(pid).values()
    return {what.removeprefix("socket:[").rstrip("]") for what in found}


def test_each_worker_has_its_own(serve: Serve) -> None:
    """And the arbiter none at which anybody could wait; all are at the one port that was chosen."""
    server = serve("trouble:app", "--reuse-port", "--workers", "3", workers=3)
    workers = server.wait_for_workers(3)
    wait_until(lambda: len(sockets_at(server.port)) == 3, "each listens")
    listening = sockets_at(server.port)
    assert all(len(sockets_of(worker) & listening) == 1 for worker in workers)
    assert not sockets_of(server.pid) & listening
    for _ in range(10):
        assert ask(server.address, GET).status == 200
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert sockets_at(server.port) == set()


def test_taken_port_is_still_told(serve: Serve) -> None:
    """Two servers do not share a port by mistake, whichever of them has the setting."""
    first = serve("trouble:app", "--reuse-port")
    with closing(socket.socket()) as plain:
        plain.bind(("127.0.0.1", 0))
        plain.listen()
        for port in (first.port, plain.getsockname()[1]):
            bind = f"127.0.0.1:{port}"
            second = serve("trouble:app", "--reuse-port", bind=bind, ready=False)
            second.wait_for_log(rf"Connection in use: \('127.0.0.1', {port}\)")
            second.stop()
    assert ask(first.address, GET).status == 200


def test_nothing_is_lost_when_workers_are_replaced(serve: Serve) -> None:
    """By reloads, by TTOU and by max_requests, while every request comes on a new connection."""
    options = ("--workers", "2", "--max-requests", "1000")
    server = serve("trouble:app", "--reuse-port", *options, workers=2)
    with Load(server, clients=4, reuse=1) as load:
        load.wait_for_answers(100)
        for count in range(1, 4):
            server.signal(signal.SIGHUP)
            server.wait_for_log("Reload complete", count=count)
            load.wait_for_answers(50)
        server.signal(signal.SIGTTIN)
        server.wait_for_log("Handling signal: ttin")
        load.wait_for_answers(50)
        server.signal(signal.SIGTTOU)
        server.wait_for_log("asks for its successor", count=2)
        load.wait_for_answers(50)
    assert load.record.failures == []
    assert load.record.refused == []
    assert set(load.record.statuses) == {200}


def test_who_comes_to_a_busy_worker_is_served_by_another(serve: Serve, trace: Trace) -> None:
    """The kernel does not know who is busy; the request is handed over."""
    args = ("trouble:app", "--reuse-port", "--workers", "2", "--graceful-timeout", "0")
    server = serve(*args, workers=2, env=trace.env)
    server.wait_for_workers(2)
    wait_until(lambda: len(sockets_at(server.port)) == 2, "both listen")
    with server.client() as slow:
        slow.get("/sleep?seconds=30")
        trace.wait_for("/sleep")
        others = [RawClient(server.address) for _ in range(20)]
        for client in others:
            client.send(GET)
        for client in others:
            assert client.read_response().status == 200
            client.close()


def test_worker_that_still_imports_keeps_nobody_waiting(serve: Serve, tmp_path: Path) -> None:
    """It listens when it can serve."""
    (tmp_path / "app.py").write_text(
        "import pathlib, time\n"
        "while pathlib.Path('wait').exists(): time.sleep(0.01)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'served']\n"
    )
    server = serve("app:app", "--reuse-port", cwd=tmp_path)
    wait_until(lambda: sockets_at(server.port), "the first one listens")
    before = server.workers()
    (tmp_path / "wait").touch()
    server.signal(signal.SIGHUP)
    server.wait_for_log("Booting worker", count=2)
    for _ in range(20):
        assert ask(server.address, GET).body == b"served"
    (tmp_path / "wait").unlink()
    server.wait_for_log("Reload complete")
    server.wait_for_workers(1, other_than=before)
    assert ask(server.address, GET).body == b"served"


def test_upgrade_loses_nothing(serve: Serve) -> None:
    """USR2, and TERM to the old arbiter, under load."""
    server = serve("trouble:app", "--reuse-port", "--workers", "2", workers=2)
    with Load(server, clients=4, reuse=1) as load:
        load.wait_for_answers(50)
        server.signal(signal.SIGUSR2)
        line = server.wait_for_log(r"A new master is starting \(pid: \d+\)")
        heir = int(line.split(": ")[-1][:-1])
        server.outlived_by(heir)
        wait_until(lambda: len(sockets_at(server.port)) == 4, "both arbiters' workers listen")
        load.wait_for_answers(50)
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        server.wait_for_log("Master has been promoted.")
        load.wait_for_answers(50)
    assert load.record.failures == []
    assert load.record.refused == []
    os.kill(heir, signal.SIGTERM)
    wait_until(lambda: not processes.alive(heir), "the new one goes")


def test_unix_sockets_stay_shared(tmp_path: Path) -> None:
    """They have no such thing; gunicorn's workers take the path away from each other."""
    path = tmp_path / "app.sock"
    options = ("--reuse-port", "--workers", "2", "--bind", f"unix:{path}")
    with Server("trouble:app", *options, bind=None) as server:
        server.wait_for_workers(2)
        for _ in range(10):
            assert ask(str(path), GET).status == 200
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
    assert not path.exists()


def test_other_users_workers_share_too(serve: Serve) -> None:
    """Their sockets are made while they may still be: the kernel lets one user's share a port."""
    if os.geteuid() != 0:
        pytest.skip("needs root: workers become another user")
    options = ("--user", "54321", "--workers", "2")
    server = serve("winghorn.demo:app", "--reuse-port", *options, workers=2)
    wait_until(lambda: len(sockets_at(server.port)) == 2, "both listen")
    assert ask(server.address, GET).status in (200, 404)
    server.signal(signal.SIGTERM)
    assert server.wait_exit(PATIENCE) == 0
