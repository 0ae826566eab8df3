# SPDX-License-Identifier: MIT
"""Several workers are one queue: a request goes to a free slot anywhere, with its connection."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import Closed, RawClient
from tests.support.load import Load
from tests.support.server import ROOT, Server
from tests.support.trace import Trace
from tests.support.waiting import FACTOR, Stopwatch, wait_until

WORKERS = 4
CONNECTIONS = 64
SLEEP = 5 * FACTOR
SHORT = 0.1 * FACTOR
KILL_SECONDS = 20.0


def spread_connections(server: Server, stack: ExitStack) -> list[RawClient]:
    """So many that every worker has some, each known to its worker and idle."""
    clients = [stack.enter_context(server.client()) for _ in range(CONNECTIONS)]
    # All at once: each worker takes what it can get.
    for client in clients:
        client.get("/sleep?seconds=0.02")
    for client in clients:
        assert client.read_response().status == 200
    workers = {pid_of(client) for client in clients}
    assert len(workers) == WORKERS, workers
    return clients


def occupy(server: Server, stack: ExitStack, trace: Trace, count: int) -> list[RawClient]:
    """So many workers run a long request, each by a client of its own."""
    busy = []
    for number in range(1, count + 1):
        client = stack.enter_context(server.client())
        client.get(f"/sleep?seconds={SLEEP}")
        trace.wait_for("/sleep", number)
        busy.append(client)
    return busy


def test_short_requests_find_the_free_worker(serve: Serve, trace: Trace) -> None:
    """4 sync workers, 3 in a 5 s handler: every request on 64 kept connections within 100 ms."""
    server = serve("trouble:app", "--workers", str(WORKERS), workers=WORKERS, env=trace.env)
    with ExitStack() as stack:
        clients = spread_connections(server, stack)
        busy = occupy(server, stack, trace, WORKERS - 1)
        slowest = 0.0
        for _ in range(3):
            for client in clients:
                watch = Stopwatch()
                client.get("/hello")
                assert client.read_response().status == 200
                slowest = max(slowest, watch.seconds)
        assert slowest < SHORT, f"{slowest:.3f} s"
        for client in busy:
            assert client.read_response().status == 200


# ---- workers that stop and die ----


def test_a_stopped_worker_keeps_nobody_waiting(serve: Serve, trace: Trace) -> None:
    """SIGSTOP: a stopped worker's free slot is nobody's; what others have is served at once."""
    options = ["--workers", "3", "--timeout", str(int(60 * FACTOR))]
    server = serve("trouble:app", *options, workers=3, env=trace.env)
    with ExitStack() as stack:
        (kept, *_), other = two_at_one_worker(server, stack), stack.enter_context(server.client())
        other.get(f"/sleep?seconds={SLEEP}")
        trace.wait_for("/sleep")
        running = {
            int(line.split()[0]) for line in trace.path.read_text().splitlines() if "/sleep" in line
        }
        stopped = next(pid for pid in server.workers() if pid not in running | {pid_of(kept)})
        os.kill(stopped, signal.SIGSTOP)
        try:
            server.wait_for_log(rf"Worker \(pid:{stopped}\) has been stopped by SIGSTOP")
            for _ in range(20):
                watch = Stopwatch()
                kept.get("/hello")
                assert kept.read_response().status == 200
                assert watch.seconds < SHORT
        finally:
            os.kill(stopped, signal.SIGCONT)
        server.wait_for_log(rf"Worker \(pid:{stopped}\) goes on")
        assert other.read_response().status == 200


def pid_of(client: RawClient) -> int:
    """The worker that answers on this connection."""
    client.get("/pid")
    return int(client.read_response().text)


def two_at_one_worker(server: Server, stack: ExitStack) -> list[RawClient]:
    """Two idle connections that one worker has."""
    by_worker: dict[int, list[RawClient]] = {}
    for _ in range(50):
        client = stack.enter_context(server.client())
        known = by_worker.setdefault(pid_of(client), [])
        known.append(client)
        if len(known) == 2:
            return known
    raise AssertionError(f"no worker has two connections: {by_worker.keys()}")


@pytest.fixture(scope="module")
def death_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("native") / "handover_death.so"
    source = ROOT / "tests/support/native/handover_death.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


@dataclass
class Step:
    name: str
    sender_dies: bool
    is_served: bool
    """The request whose handover it was."""


STEPS = [
    Step("before-send", sender_dies=True, is_served=False),
    Step("after-send", sender_dies=True, is_served=True),
    Step("after-close", sender_dies=True, is_served=True),
    Step("before-receive", sender_dies=False, is_served=True),
    Step("after-receive", sender_dies=False, is_served=False),
]


@pytest.mark.unsanitized("another library is preloaded")
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_death_at_each_step_of_a_handover(
    serve: Serve, trace: Trace, death_library: Path, tmp_path: Path, step: Step
) -> None:
    """A worker that dies loses what it had; what lies between two workers is served, once."""
    once = tmp_path / "once"
    env = {**trace.env, "LD_PRELOAD": str(death_library), "DIE_AT": step.name}
    env["DIE_ONCE"] = str(once)
    server = serve("trouble:app", "--workers", "2", workers=2, env=env)
    with ExitStack() as stack:
        busy, kept = two_at_one_worker(server, stack)
        sender = pid_of(busy)
        once.touch()
        busy.get("/sleep?seconds=1")
        trace.wait_for("/sleep")
        kept.get("/hello?name=handed-over")
        dead = int(
            re.findall(r"pid:(\d+)", server.wait_for_log(r"Worker \(pid:\d+\) was sent SIGKILL!"))[
                0
            ]
        )
        assert (dead == sender) == step.sender_dies
        assert answered(kept) == step.is_served
        assert answered(busy) == (not step.sender_dies)
        assert trace.count("name=handed-over") == int(step.is_served)
        server.wait_for_workers(2, other_than=[dead])


def answered(client: RawClient) -> bool:
    """Whether a 200 comes, and not the connection's end."""
    try:
        return client.read_response().status == 200
    except (OSError, Closed):
        return False


def has_run(watch: Stopwatch, seconds: float) -> bool:
    return watch.seconds >= seconds


def test_kill_9_every_200_ms(serve: Serve, trace: Trace) -> None:
    """Workers die under long and short requests: nothing runs twice, no listener is lost."""
    server = serve("trouble:app", "--workers", "4", workers=4, env=trace.env)
    killed: list[int] = []
    watch = Stopwatch()
    with ExitStack() as stack:
        loads = [stack.enter_context(Load(server, clients=12, reuse=50))]
        loads.append(stack.enter_context(Load(server, clients=3, path="/sleep?seconds=0.1&x")))
        until = KILL_SECONDS
        while watch.seconds < until:
            pause = Stopwatch()
            wait_until(partial(has_run, pause, 0.2), "200 ms have passed")
            victim = wait_until(server.workers, "a worker is there")[0]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)
        loads[0].wait_for_answers(200)
    run = [line.partition("name=")[2] for line in trace.lines() if "name=" in line]
    assert len(run) == len(set(run)), "a request ran twice"
    names: set[str] = set()
    for load in loads:
        assert load.record.statuses.keys() == {200}
        assert load.record.refused == [], "the listener is the arbiter's"
        names |= load.record.names
    assert names <= set(run), "who was answered has run"
    # Of each kill's victim: the request that ran, and the connections that it had.
    failures = sum(len(load.record.failures) for load in loads)
    assert failures <= 15 * len(killed)
