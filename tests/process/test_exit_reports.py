# SPDX-License-Identifier: MIT
"""Exit reports: one record about each dead worker, which tells the ways to die apart."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import RawClient, ask
from tests.support.server import Server
from tests.support.trace import Trace
from tests.support.waiting import PATIENCE, wait_until

COST = (
    r"  It lived \d+\.\d s and used \d+\.\d\d s of processor time "
    r"\(\d+\.\d\d user, \d+\.\d\d system\), [1-9]\d* MiB of memory at most, "
    r"\d+ page faults from disk"
)
SLEEP = "/sleep?seconds=60"
RUNNING = (
    r"  Unfinished in it: GET /sleep\?seconds=60 from 127\.0\.0\.1, begun \d+\.\d s ago \(running\)"
)
MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")


def report(server: Server, first: str) -> list[str]:
    """The record whose first line ends with `first`, its lines without time and process."""
    server.wait_for_log(rf"\] {first}$")
    # Written in one go: what belongs to it is there as soon as what follows it is.
    server.wait_for_log(COST)
    lines = server.log.lines()
    begin = next(i for i, line in enumerate(lines) if re.search(rf"\] {first}$", line))
    end = begin + 1
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    return [lines[begin].rpartition("] [")[2], *lines[begin + 1 : end]]


def matches(lines: list[str], *patterns: str) -> None:
    assert len(lines) == len(patterns), lines
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), (line, pattern)


@pytest.fixture
def sleeping(serve: Serve, trace: Trace) -> Iterator[tuple[Server, int, RawClient]]:
    """A server, its one worker, and the client of a request that the worker runs."""
    server = serve("trouble:app", env=trace.env)
    with server.client() as client:
        client.get(SLEEP)
        trace.wait_for("/sleep")
        yield server, server.wait_for_workers(1)[0], client


def test_kill_9(sleeping: tuple[Server, int, RawClient]) -> None:
    """kill -9: not by the arbiter; nor for memory, where the kernel counts that."""
    server, worker, client = sleeping
    os.kill(worker, signal.SIGKILL)
    assert client.read_until_closed() == b""
    first = (
        rf"Worker \(pid:{worker}\) was sent SIGKILL! "
        r"(Perhaps out of memory\? Not by the arbiter: by the kernel or another process\."
        r"|Not by the arbiter, nor by the kernel for want of memory: by another process\.)"
    )
    matches(report(server, first), rf"ERROR\] {first}", COST, RUNNING)


@pytest.mark.crashes
@pytest.mark.unsanitized("a sanitizer takes the signal for itself")
def test_kill_segv(sleeping: tuple[Server, int, RawClient]) -> None:
    """kill -SEGV: by the signal's name, with what it had in its slots."""
    server, worker, _ = sleeping
    os.kill(worker, signal.SIGSEGV)
    first = rf"Worker \(pid:{worker}\) was sent SIGSEGV!.*"
    matches(report(server, first), rf"WARNING\] {first}", COST, RUNNING)


def test_os_exit_7(serve: Serve) -> None:
    """os._exit(7): nobody could answer its clients, and the record says so."""
    server = serve("trouble:app")
    worker = server.wait_for_workers(1)[0]
    with server.client() as client:
        client.get("/os-exit?code=7")
        assert client.read_until_closed() == b""
    first = (
        rf"Worker \(pid:{worker}\) exited with code 7\. By its own doing: os\._exit or the like\. "
        r"Its clients could not be answered\."
    )
    unfinished = (
        r"  Unfinished in it: GET /os-exit\?code=7 from 127\.0\.0\.1, begun .* ago \(running\)"
    )
    matches(report(server, first), rf"ERROR\] {first}", COST, unfinished)


def test_term_from_outside(serve: Serve) -> None:
    """TERM that is not the arbiter's: the worker leaves in order; the record names the sender."""
    server = serve("trouble:app")
    workers = server.wait_for_workers(1)
    os.kill(workers[0], signal.SIGTERM)
    first = (
        rf"Worker \(pid:{workers[0]}\) exited with code 0, as it was sent SIGTERM\. "
        rf"By process {os.getpid()}\."
    )
    matches(report(server, first), rf"INFO\] {first}", COST)
    server.wait_for_workers(1, other_than=workers)


def test_abort_from_outside(sleeping: tuple[Server, int, RawClient]) -> None:
    """ABRT that is not the arbiter's: by whom it was sent."""
    server, worker, _ = sleeping
    os.kill(worker, signal.SIGABRT)
    first = rf"Worker \(pid:{worker}\) was sent SIGABRT! By process {os.getpid()}\."
    matches(report(server, first), rf"WARNING\] {first}", COST, RUNNING)


def test_worker_timeout(serve: Serve) -> None:
    """No progress: told to go by the arbiter; what it had stands in its own record."""
    server = serve("trouble:app", "--timeout", "1")
    worker = server.wait_for_workers(1)[0]
    with server.client() as client:
        client.get(SLEEP)
        assert client.read_response().status == 504
    first = (
        rf"Worker \(pid:{worker}\) exited with code 1\. "
        r"Told to by the arbiter: no progress within the timeout\."
    )
    matches(report(server, first), rf"ERROR\] {first}", COST)


def test_timeout_kill(serve: Serve) -> None:
    """A stopped process cannot even leave: killed by the arbiter, which says why."""
    server = serve("trouble:app", "--timeout", "1")
    worker = server.wait_for_workers(1)[0]
    assert ask(server.address, "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n").status == 200
    os.kill(worker, signal.SIGSTOP)
    first = (
        rf"Worker \(pid:{worker}\) was sent SIGKILL! By the arbiter: "
        r"no progress within the timeout, and SIGABRT did not end it\."
    )
    matches(report(server, first), rf"ERROR\] {first}", COST)


def test_quick_stop_kill(sleeping: tuple[Server, int, RawClient]) -> None:
    """INT twice: the workers are killed, by the arbiter."""
    server, worker, _ = sleeping
    os.kill(worker, signal.SIGSTOP)
    server.signal(signal.SIGINT)
    server.wait_for_log("Handling signal: int")
    server.signal(signal.SIGINT)
    first = (
        rf"Worker \(pid:{worker}\) was sent SIGKILL! By the arbiter: "
        r"the stop was asked for a second time\."
    )
    matches(report(server, first), rf"ERROR\] {first}", COST, RUNNING)
    assert server.wait_exit() == 0


def test_an_orderly_end_is_told_of_to_those_who_debug(serve: Serve) -> None:
    """A worker that was asked to go has its record at the level debug, and nothing above it."""
    server = serve("trouble:app", "--log-level", "debug")
    worker = server.wait_for_workers(1)[0]
    server.stop()
    first = rf"Worker \(pid:{worker}\) exited with code 0\."
    matches(report(server, first), rf"DEBUG\] {first}", COST)


# ---- out of memory -----------------------------------------------------------------------------


def own_memory_group() -> Path:
    groups = Path("/proc/self/cgroup").read_text().splitlines()
    path = next((line.split(":", 2)[2] for line in groups if ":memory:" in line), "/")
    return MEMORY_GROUPS / path.lstrip("/")


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A memory group (cgroup version 1) of 200 MiB; skips where it cannot be made."""
    group = own_memory_group() / f"winghorn-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as trouble:
        pytest.skip(f"no memory group of version 1 can be made here: {trouble}")
    try:
        if "oom_kill " not in (group / "memory.oom_control").read_text():
            pytest.skip("this kernel does not count its kills")
        (group / "memory.limit_in_bytes").write_text(str(200 << 20))
        yield group
    finally:
        wait_until(lambda: _removed(group), f"the memory group {group} is empty")


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True


@pytest.mark.unsanitized("a sanitizer's shadow needs more memory than the group has")
def test_out_of_memory(memory_group: Path, trace: Trace) -> None:
    """A real OOM kill is told as one; a kill -9 after it, of a worker of the same age, is not."""
    enter = ("sh", "-c", f'echo $$ > {memory_group}/cgroup.procs && exec "$@"', "sh")
    with Server("trouble:app", "--workers", "2", prefix=enter, env=trace.env) as server:
        workers = server.ready(2).wait_for_workers(2)
        with server.client(PATIENCE * 2) as client:
            client.get("/eats-memory")
            assert client.read_until_closed() == b""
        killed = r"Worker \(pid:\d+\) was sent SIGKILL! "
        for_memory = (
            killed
            + r"By the kernel: out of memory \(it has counted an oom_kill in this control group\)\."
        )
        unfinished = r"  Unfinished in it: GET /eats-memory from 127\.0\.0\.1, .* \(running\)"
        matches(report(server, for_memory), rf"ERROR\] {for_memory}", COST, unfinished)
        survivor = next(pid for pid in workers if pid in server.workers())
        os.kill(survivor, signal.SIGKILL)
        by_hand = (
            rf"Worker \(pid:{survivor}\) was sent SIGKILL! "
            r"Not by the arbiter, nor by the kernel for want of memory: by another process\."
        )
        matches(report(server, by_hand), rf"ERROR\] {by_hand}", COST)
