# SPDX-License-Identifier: MIT
"""slowhttptest's four modes with 2,000 connections: others are served, each attacker is closed.

The attackers outnumber what two workers could run a thousand times over. None of them has a slot
before its request is whole, and none keeps its connection longer than the clock of what it is slow
at.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import Address, ask
from tests.support.server import Server
from tests.support.waiting import FACTOR, PATIENCE, Stopwatch, wait_until

CONNECTIONS = 2000
CLOCK = 3
APP = """
import json
from winghorn import _core

def app(environ, start_response):
    body = b"x" * 300_000  # more than the kernel takes from us for such a reader
    if environ["PATH_INFO"] == "/probe":
        body = b"hello"
    if environ["PATH_INFO"] == "/status":
        body = json.dumps(_core.status()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
# What each does, and the clock that ends it; none: its requests are whole, and answered.
MODES = {
    "headers": (["-H", "-i", "1"], "head"),
    "body": (["-B", "-i", "1", "-s", "100000", "-x", "8"], "body"),
    "range": (["-R", "-t", "HEAD", "-a", "10", "-b", "3000"], None),
    "read": (["-X", "-w", "8", "-y", "16", "-n", "1", "-z", "4"], "write"),
}


def status(address: Address) -> list[dict[str, dict[str, int]]]:
    answer = ask(address, "GET /status HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    return list(json.loads(answer.body))


def expired(address: Address, clock: str) -> int:
    return sum(worker["expired"][clock] for worker in status(address))


def connected(address: Address) -> int:
    return sum(int(str(worker["connections"])) for worker in status(address))


def latencies(address: Address, count: int) -> list[float]:
    """Of single requests on connections of their own, sorted."""
    taken = []
    for _ in range(count):
        watch = Stopwatch()
        probe = "GET /probe HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        assert ask(address, probe).body == b"hello"
        taken.append(watch.seconds)
    return sorted(taken)


@contextmanager
def attack(server: Server, options: list[str]) -> Iterator[subprocess.Popen[str]]:
    program = shutil.which("slowhttptest")
    if program is None:
        pytest.skip("slowhttptest is not installed")
    command = [
        program,
        *options,
        "-c",
        str(CONNECTIONS),
        "-r",
        str(CONNECTIONS),
        "-l",
        "60",
        "-v",
        "1",
    ]
    process = subprocess.Popen(
        [*command, "-p", "60", "-u", server.url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


@pytest.mark.timeout(150)
@pytest.mark.parametrize("mode", MODES)
def test_2000_slow_connections(serve: Serve, tmp_path: Path, mode: str) -> None:
    """A client beside them waits no longer than twice what it waits without them."""
    options, clock = MODES[mode]
    (tmp_path / "attacked.py").write_text(APP)
    clocks = [f"--{name}-timeout={CLOCK}" for name in ("first-byte", "head", "body", "write")]
    server = serve("attacked:app", "-w", "2", "--worker-connections", "2500", *clocks, cwd=tmp_path)
    address = ("127.0.0.1", server.port)
    quiet = latencies(address, 200)
    with attack(server, options) as attackers:
        if clock is not None:
            wait_until(lambda: connected(address) > CONNECTIONS * 0.9, "all are connected")
        beside = latencies(address, 200)
        if clock is not None:
            wait_until(
                lambda: expired(address, clock) >= CONNECTIONS,
                lambda: f"all are closed by their clock: {status(address)}",
                PATIENCE + CLOCK,
            )
        else:
            assert attackers.wait(PATIENCE * FACTOR) == 0
    # One machine runs both sides: the slowest few of 200 tell how it schedules, not how we serve.
    before, during = (statistics.quantiles(taken, n=20)[18] for taken in (quiet, beside))
    assert during < max(2 * before, 0.05 * FACTOR)
