# SPDX-License-Identifier: MIT
"""More than can be served: what is refused, how fast, and what becomes of the rest."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import ask
from tests.support.server import ROOT, Server
from tests.support.waiting import FACTOR, Stopwatch, wait_until

HELLO = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
WORKERS = 2
HANDLER_SECONDS = 0.02
QUEUE_TIMEOUT = 0.5
OVERLOAD_SECONDS = 20


@dataclass(frozen=True)
class Answered:
    """One request of the open loop."""

    due: float  # seconds after the first
    seconds: float  # from then to its answer
    status: int  # 0: none came


@pytest.fixture(scope="module")
def open_loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bench's client that does not wait for answers before it sends more."""
    program = tmp_path_factory.mktemp("native") / "open_loop"
    source = ROOT / "bench/open_loop.cc"
    subprocess.run(["c++", "-std=c++20", "-O2", "-o", program, source], check=True)
    return program


def send(
    program: Path, server: Server, rate: float, seconds: float, connections: int = 200
) -> list[Answered]:
    numbers = (server.port, connections, rate, seconds, 0, 7)
    command = [str(program), *(str(number) for number in numbers)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=seconds + 60 * FACTOR
    )
    lines = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    return [Answered(due / 1e6, took / 1e6, status) for due, _, took, status in lines]


def goodput(answers: Sequence[Answered], seconds: float) -> float:
    """Answers of the application in a second."""
    return sum(one.status == 200 for one in answers) / seconds


@pytest.mark.unsanitized("it is about speed")
@pytest.mark.timeout(120)
def test_ten_times_too_much(serve: Serve, open_loop: Path) -> None:
    """10 x overload for 20 s: the goodput stays, the rest gets 503 at once, then all is well."""
    options = ["--workers", str(WORKERS), "--queue-limit", "10"]
    options += ["--queue-timeout", str(QUEUE_TIMEOUT * FACTOR)]
    env = {"SHORT": str(HANDLER_SECONDS)}
    server = serve("trouble:app", *options, workers=WORKERS, env=env)
    most = WORKERS / HANDLER_SECONDS
    calm = send(open_loop, server, 2 * most, 3)
    capacity = goodput(calm, 3)
    answers = send(open_loop, server, 10 * most, OVERLOAD_SECONDS)
    assert goodput(answers, OVERLOAD_SECONDS) >= 0.9 * capacity
    assert Counter(one.status for one in answers).keys() == {200, 503}
    refused = sorted(one.seconds for one in answers if one.status == 503)
    # All but those that met a machine with other work.
    assert refused[int(0.95 * len(refused))] < 0.05 * FACTOR
    served = sorted(one.seconds for one in answers if one.status == 200)
    assert served[int(0.99 * len(served))] < QUEUE_TIMEOUT * FACTOR + 0.1 * FACTOR
    watch = Stopwatch()
    assert ask(server.address, HELLO).status == 200
    assert watch.seconds < 1, "the load has left nothing behind"


CLIENTS = 5000
DESCRIPTORS = 1000


@pytest.mark.timeout(120)
def test_more_clients_than_descriptors(serve: Serve) -> None:
    """1,000 descriptors, 5,000 clients that stay: all are served in the end, and nothing spins."""
    processes.allow_descriptors(CLIENTS + 500)
    limit = [f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"]
    options = ["--worker-connections", str(2 * CLIENTS), "--backlog", str(CLIENTS)]
    server = serve("trouble:app", *options, prefix=["prlimit", *limit])
    clients = []
    try:
        for _ in range(CLIENTS):
            clients.append(server.client())
            clients[-1].send(HELLO)
        statuses = Counter(client.read_response().status for client in clients)
        assert statuses == {200: CLIENTS}
        (worker,) = server.workers()
        assert len(processes.descriptors(worker)) <= DESCRIPTORS
        before = processes.cpu_seconds(worker)
        watch = Stopwatch()
        wait_until(lambda: watch.seconds > 1, "a second has passed")
        assert processes.cpu_seconds(worker) - before < 0.2, "clients are idle, and so is it"
        assert len(server.log.matches("Accepting is paused")) <= 20
    finally:
        for client in clients:
            client.close()
    assert ask(server.address, HELLO).status == 200
