# SPDX-License-Identifier: MIT
"""One access line for every request that a worker has read, however that worker ends.

The line of a request that dies with its worker is written by the arbiter, from shared memory; one
that the worker had made itself is not written again. So through a hundred deaths under load every
request that was answered or reached the application has exactly one line, and no request has two.
What a worker never read has none: it waited in the kernel.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import Closed, RawClient
from tests.support.load import Load
from tests.support.server import Server
from tests.support.trace import Trace
from tests.support.waiting import PATIENCE, Stopwatch, wait_until

FORMAT = "%(p)s %(m)s %(U)s?%(q)s %(H)s %(s)s %(B)s %(D)s"
LINE = re.compile(
    r"<(?P<pid>\d+)> (?P<method>[^\s<]+) (?P<target>[^\s<]+) (?P<version>[^\s<]+) "
    r"(?P<status>\d+|-) (?P<bytes>\d+) (?P<micros>\d+)(?=\n|$)"
)
WORKERS = 3
CLIENTS = 6
# So many deaths of each kind; a hundred in all.
DEATHS = {"kill": 76, "/os-exit?code=7": 12, "/abort?": 8, "/hang-in-c?": 4}
DEATH = r"Worker \(pid:\d+\) (was sent|exited with code)"


def logging_to(access: Path) -> tuple[str, ...]:
    return ("--access-logfile", str(access), "--access-logformat", FORMAT)


def lines(access: Path) -> list[dict[str, str]]:
    """All whole lines.

    The kernel may end the write of a killed process at a page's edge: what is cut off there is
    written again, and stays as a beginning without an end.
    """
    text = access.read_text()
    beginnings = [rest for rest in LINE.sub("", text).splitlines() if rest]
    assert all(rest.startswith("<") for rest in beginnings), beginnings
    return [line.groupdict() for line in LINE.finditer(text)]


def line_of(access: Path, target: str) -> dict[str, str]:
    """The one line of a request, which the arbiter may be about to write."""

    def its() -> list[dict[str, str]]:
        return [line for line in lines(access) if line["target"] == target]

    wait_until(its, lambda: f"a line of {target}: {access.read_text()}")
    assert len(its()) == 1
    return its()[0]


# ---- a hundred deaths ----------------------------------------------------------------------------


def a_ready_worker(server: Server, dead: set[int]) -> int:
    """Any worker that serves and has not been killed yet."""

    def look() -> list[int]:
        return [
            pid
            for pid in server.workers()
            # Beside the main thread the watchdog and the log's: what boots has not begun to serve.
            if pid not in dead and processes.threads(pid) >= 3
        ]

    return random.choice(wait_until(look, lambda: f"a worker; log:\n{server.log.text}"))


def die(server: Server, how: str, name: str, dead: set[int]) -> None:
    """Brings about the death of one worker."""
    if how == "kill":
        victim = a_ready_worker(server, dead)
        dead.add(victim)
        os.kill(victim, signal.SIGKILL)
        return
    with server.client() as client:
        client.get(f"{how}&name={name}")
        # Or the connection ends, by a reset where the worker had not read everything.
        with contextlib.suppress(Closed, ConnectionError):
            assert client.read_response().status in (502, 504)


def names_in(targets: list[str]) -> Counter[str]:
    return Counter(target.partition("name=")[2] for target in targets if "name=" in target)


@pytest.mark.crashes
@pytest.mark.timeout(300)
@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_hundred_deaths(serve: Serve, trace: Trace, tmp_path: Path, threads: str) -> None:
    """Through kills, crashes, exits and timeouts: every request that was read has one line."""
    access = tmp_path / "access.log"
    options = ("--workers", str(WORKERS), "--threads", threads, "--timeout", "2")
    server = serve("trouble:app", *options, *logging_to(access), env=trace.env, workers=WORKERS)
    server.wait_for_workers(WORKERS)
    kinds = [kind for kind, count in DEATHS.items() for _ in range(count)]
    random.shuffle(kinds)
    dead: set[int] = set()
    with Load(server, clients=CLIENTS, reuse=40) as load:
        for number, kind in enumerate(kinds, 1):
            load.wait_for_answers(10)
            before = len(server.log.matches(DEATH))
            die(server, kind, f"death-{number}", dead)
            server.wait_for_log(DEATH, count=before + 1)
    server.stop()
    counted = names_in([line["target"] for line in lines(access)])
    run = names_in([line.partition(" ")[2] for line in trace.lines()])
    twice = [name for name, count in counted.items() if count > 1]
    assert twice == [], "requests with two lines"
    assert load.record.names - counted.keys() == set(), "answered, and no line"
    assert run.keys() - counted.keys() == set(), "run by the application, and no line"
    lost = {failure.name for failure in load.record.failures}
    deaths = {f"death-{number}" for number in range(1, len(kinds) + 1)}
    assert counted.keys() <= load.record.names | lost | deaths, "lines of nobody's requests"
    # On a busy machine one may take longer than its timeout, and die of that first.
    statuses = Counter(line["status"] for line in lines(access))
    assert statuses["-"] > DEATHS["/os-exit?code=7"] / 2
    assert statuses["502"] > DEATHS["/abort?"] / 2
    assert statuses["504"] > 0


# ---- what such a line says -----------------------------------------------------------------------


def kill(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)


def test_a_request_that_runs(serve: Serve, trace: Trace, tmp_path: Path) -> None:
    """No status, no bytes, the worker's pid, and as long as it took until the worker died."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", *logging_to(access), env=trace.env)
    worker = server.wait_for_workers(1)[0]
    with server.client() as client:
        watch = Stopwatch()
        client.get("/sleep?seconds=60")
        trace.wait_for("/sleep")
        begun = watch.seconds
        wait_until(lambda: watch.seconds > begun + 0.3, "it runs for a while")
        kill(worker)
        line = line_of(access, "/sleep?seconds=60")
        most = watch.seconds
    assert (line["pid"], line["method"], line["version"]) == (str(worker), "GET", "HTTP/1.1")
    assert (line["status"], line["bytes"]) == ("-", "0")
    assert 0.3 <= int(line["micros"]) / 1e6 <= most


def test_a_reply_that_has_begun(serve: Serve, tmp_path: Path) -> None:
    """Its status is the one that its client has seen, its bytes those that were sent."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", *logging_to(access))
    worker = server.wait_for_workers(1)[0]
    with server.client() as client:
        client.get("/slow-items?items=100&delay=0.1")
        seen = b""
        while b"item 3" not in seen:
            seen += client.read_some()
        kill(worker)
    line = line_of(access, "/slow-items?items=100&delay=0.1")
    assert line["status"] == "200"
    assert int(line["bytes"]) >= len("item 0\nitem 1\nitem 2\n")


@pytest.mark.crashes
@pytest.mark.unsanitized("a sanitizer takes the signal for itself")
def test_a_crash_that_was_answered(serve: Serve, tmp_path: Path) -> None:
    """Its line has the answer that the dying worker gave, from its signal handler."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", *logging_to(access))
    with server.client() as client:
        client.get("/segfault?n=1")
        reply = client.read_response()
    line = line_of(access, "/segfault?n=1")
    assert (reply.status, line["status"], line["bytes"]) == (502, "502", str(len(reply.body)))


def all_read(server: Server, count: int) -> bool:
    """So many connections have been accepted, and the kernel holds nothing that came on them."""
    port = f"{server.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    accepted = [row for row in rows if row[1].endswith(":" + port) and row[3] == "01"]
    taken = [row for row in accepted if row[9] != "0" and row[4].endswith(":00000000")]
    return len(taken) == count


@pytest.mark.parametrize("threads", ["1", "2"])
def test_requests_that_wait(serve: Serve, trace: Trace, tmp_path: Path, threads: str) -> None:
    """Those that a worker has read and could not begin have their lines too."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", "--threads", threads, *logging_to(access), env=trace.env)
    worker = server.wait_for_workers(1)[0]
    running, waiting = int(threads), 12
    clients: list[RawClient] = []
    try:
        for number in range(running + waiting):
            clients.append(server.client())
            clients[-1].get(f"/sleep?seconds=60&n={number}")
            if number < running:
                trace.wait_for("/sleep", number + 1)
        wait_until(lambda: all_read(server, running + waiting), "the worker has read them all")
        kill(worker)
        for number in range(running + waiting):
            assert line_of(access, f"/sleep?seconds=60&n={number}")["status"] == "-"
    finally:
        for client in clients:
            client.close()
    assert len(trace.lines()) == running


def test_a_body_on_its_way(serve: Serve, trace: Trace, tmp_path: Path) -> None:
    """A head that is complete is a request, though its body never came whole."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", *logging_to(access), env=trace.env)
    worker = server.wait_for_workers(1)[0]
    with server.client() as client:
        client.send("POST /upload?n=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nsome")
        wait_until(lambda: all_read(server, 1), "the worker has read it")
        kill(worker)
        line = line_of(access, "/upload?n=1")
    assert (line["method"], line["status"]) == ("POST", "-")
    assert trace.lines() == []


def test_a_client_that_leaves_before_its_body_is_whole(serve: Serve, tmp_path: Path) -> None:
    """No worker dies here: the line is the worker's own, and there is one."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", *logging_to(access))
    client = server.client()
    client.send("POST /upload?n=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nsome")
    wait_until(lambda: all_read(server, 1), "the worker has read it")
    client.reset()
    assert line_of(access, "/upload?n=1")["status"] == "-"
    server.stop()
    assert [line["target"] for line in lines(access)] == ["/upload?n=1"]


LEAVE: dict[str, Callable[[Server], None]] = {
    "TERM": lambda server: server.signal(signal.SIGTERM),
    "HUP": lambda server: server.signal(signal.SIGHUP),
}


@pytest.mark.parametrize("how", list(LEAVE))
def test_what_outlives_graceful_timeout_has_one_line(
    serve: Serve, trace: Trace, tmp_path: Path, how: str
) -> None:
    """A worker that goes without its slow request writes the line, or the arbiter does."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", "--graceful-timeout", "1", *logging_to(access), env=trace.env)
    server.wait_for_workers(1)
    with server.client(PATIENCE) as client:
        client.get("/slow-items?items=1000&delay=0.05")
        trace.wait_for("/slow-items")
        client.read_some()
        LEAVE[how](server)
        client.read_until_closed()
    line = line_of(access, "/slow-items?items=1000&delay=0.05")
    assert line["status"] == "200"
    server.stop()
    assert len(lines(access)) == 1


def test_without_an_access_log_there_is_none(serve: Serve, trace: Trace) -> None:
    """The arbiter writes what the settings ask for, and no more."""
    server = serve("trouble:app", env=trace.env)
    worker = server.wait_for_workers(1)[0]
    with server.client() as client:
        client.get("/sleep?seconds=60")
        trace.wait_for("/sleep")
        kill(worker)
        client.read_until_closed()
    server.wait_for_log("Unfinished in it: GET /sleep")
    server.stop()
    assert server.out is not None
    assert server.out.lines() == []


def test_lines_of_the_dead_in_a_pipe(serve: Serve, trace: Trace) -> None:
    """The same where the access log is stdout, in the order in which things came about."""
    server = serve("trouble:app", *logging_to(Path("-")), env=trace.env)
    for number in itertools.count(1):
        worker = server.wait_for_workers(1)[0]
        with server.client() as client:
            client.get(f"/hello?n={number}")
            assert client.read_response().status == 200
            client.get(f"/sleep?seconds=60&n={number}")
            trace.wait_for("/sleep", number)
            kill(worker)
            client.read_until_closed()
        server.wait_for_out(rf"/sleep\?seconds=60&n={number} HTTP/1.1 - 0 ")
        if number == 3:
            break
        server.wait_for_workers(1, other_than=[worker])
    assert server.out is not None
    targets = [line.split()[2] for line in server.out.lines()]
    expected = [(f"/hello?n={n}", f"/sleep?seconds=60&n={n}") for n in (1, 2, 3)]
    assert targets == [target for pair in expected for target in pair]
