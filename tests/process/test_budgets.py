# SPDX-License-Identifier: MIT
"""Counts what must not creep up, and holds it against bench/budgets.toml.

Times differ from machine to machine and from minute to minute; system calls, instructions and
bytes hardly do. Instructions are counted in two runs of different length, so that start-up and
the first requests are in neither figure.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import RawClient
from tests.support.server import ROOT, Server
from tests.support.waiting import wait_until

# pytest brings tomli where the standard library has no tomllib yet.
tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
BUDGETS: dict[str, Any] = tomllib.loads((ROOT / "bench" / "budgets.toml").read_text())
APPS = ROOT / "bench" / "apps"
APP = "bench_wsgi:hello"
CALLGRIND = ("valgrind", "--tool=callgrind")
SLOW_SECONDS = 240
FIELDS = (
    "User-Agent: budget/1.0",
    "Accept: */*",
    "Accept-Encoding: gzip, deflate",
    "Accept-Language: en",
    "Connection: keep-alive",
)

pytestmark = [
    pytest.mark.timeout(SLOW_SECONDS),
    pytest.mark.unsanitized("what a sanitizer does would be counted too"),
]


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


def hold(what: str, found: float, budget: float) -> None:
    """Says what was found, then compares."""
    print(f"{what}: {found:.2f}, budget {budget:.2f}")
    assert found <= budget, f"{what}: {found:.2f} is over the budget of {budget:.2f}"


def ask(client: RawClient, path: str = "/") -> None:
    """One request with six header fields, as a program sends it, and its whole answer."""
    client.get(path, *FIELDS)
    assert client.read_response().status == 200


# ---- instructions of a parse -------------------------------------------------------------------


def build_folder() -> Path:
    """The build that the tests run: the package's when it lies in one, else the working tree's."""
    asked = [sys.executable, "-c", "import winghorn; print(winghorn.__file__)"]
    found = Path(subprocess.run(asked, capture_output=True, text=True).stdout.strip())
    beside = found.parents[2] if len(found.parents) > 2 else found
    return beside if (beside / "build.ninja").exists() else ROOT / "build" / "dev"


def parse_count_program() -> Path:
    folder = build_folder()
    program = folder / "bench" / "parse_count"
    subprocess.run(["ninja", "-C", str(folder), "parse_count"], check=True, capture_output=True)
    return program


def instructions(folder: Path, *words: str) -> int:
    """Instructions that a program runs from start to end."""
    out = folder / "callgrind.out"
    run = [*CALLGRIND, f"--callgrind-out-file={out}", *words]
    subprocess.run(run, check=True, capture_output=True, timeout=SLOW_SECONDS)
    return total(out)


def total(profile: Path) -> int:
    found = re.search(r"^totals: (\d+)", profile.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


@needs("valgrind")
@needs("ninja")
@pytest.mark.parametrize("kind", ["small", "browser"])
def test_parse_stays_in_its_budget(kind: str, tmp_path: Path) -> None:
    """Reading one request head, 40 bytes and 1.1 KB."""
    program = str(parse_count_program())
    few = instructions(tmp_path, program, kind, "1000")
    many = instructions(tmp_path, program, kind, "2000")
    hold(f"{kind} parse", (many - few) / 1000, BUDGETS["parse"][f"{kind}_instructions"])


# ---- system calls of a request -----------------------------------------------------------------


def calls_between_marks(trace: str) -> tuple[Counter[str], float]:
    """The serving thread's calls by name between the two marked requests, and how many calls all
    other threads and processes made in each second of that time.

    A call that another thread interrupted in strace's output has two lines; the first counts.
    """
    lines = [line.split(maxsplit=2) for line in trace.splitlines()]
    places = [i for i, words in enumerate(lines) if re.search(r"GET /(begin|end) ", words[2])]
    assert len(places) >= 2, "strace did not show the marked requests"
    serving = lines[places[0]][0]
    own: Counter[str] = Counter()
    others = 0
    for thread, _, what in lines[places[0] : places[-1]]:
        name = re.match(r"([a-z]\w*)\(", what)
        if name and thread == serving:
            own[name[1]] += 1
        elif name:
            others += 1
    seconds = float(lines[places[-1]][1]) - float(lines[places[0]][1])
    return own, others / seconds


@needs("strace")
@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_system_calls_of_a_kept_alive_request(serve: Serve, tmp_path: Path, worker: str) -> None:
    """Waiting, reading, writing: three calls; the watchdog ticks, and nobody wakes up for it."""
    out = tmp_path / "strace.out"
    strace = ("strace", "-D", "-f", "-ttt", "-s", "32", "-o", str(out))
    server = serve(APP, *classes(worker), prefix=strace, cwd=APPS)
    requests = 1000
    with server.client() as client:
        for _ in range(50):
            ask(client)
        ask(client, "/begin")
        for _ in range(requests):
            ask(client)
        ask(client, "/end")
    server.stop()
    wait_until(lambda: "+++ exited" in last_line(out), "strace wrote everything")
    own, others = calls_between_marks(out.read_text(errors="replace"))
    print(f"{worker}: {own}")
    budget = BUDGETS["request"]
    hold("system calls", own.total() / (requests + 1), budget["system_calls"])
    hold("others' system calls a second", others, budget["other_system_calls_per_second"])


def last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()
    return lines[-1] if lines else ""


def classes(worker: str) -> list[str]:
    return ["--worker-class", "gthread", "--threads", "2"] if worker == "gthread" else []


# ---- instructions of a request -----------------------------------------------------------------


def worker_profile(folder: Path, requests: int, *options: str) -> Path:
    """The callgrind profile of a worker that served `requests` kept-alive requests."""
    folder.mkdir()
    prefix = [*CALLGRIND, f"--callgrind-out-file={folder}/%p"]
    # The same hashes in both runs, or dictionaries would differ in their probing.
    environment = {"PYTHONHASHSEED": "0"}
    server = Server(APP, *options, prefix=prefix, cwd=APPS, env=environment)
    try:
        server.start().ready(1)
        with server.client(seconds=SLOW_SECONDS) as client:
            for _ in range(requests):
                ask(client)
        (worker,) = processes.children(server.pid)
        server.signal(signal.SIGTERM)
        server.wait_exit()
    finally:
        server.stop()
    return folder / str(worker)


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A worker's life with 300 requests, and one with 1,000 more."""
    folder = tmp_path_factory.mktemp("profiles")
    return worker_profile(folder / "few", 300), worker_profile(folder / "many", 1300)


def inclusive(profile: Path, function: str) -> int:
    """Instructions run in a function and all it calls; 0 if it never ran."""
    annotate = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(profile)]
    text = subprocess.run(annotate, check=True, capture_output=True, text=True).stdout
    found = re.search(rf"^ *([\d,]+) .*\b{re.escape(function)}\(", text, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else 0


@needs("valgrind")
def test_instructions_of_a_request(profiles: tuple[Path, Path]) -> None:
    """Everything that a worker does for one hello, the interpreter's part included."""
    few, many = map(total, profiles)
    hold("a request", (many - few) / 1000, BUDGETS["request"]["instructions"])


@needs("valgrind")
def test_what_a_deadline_costs(profiles: tuple[Path, Path], tmp_path: Path) -> None:
    """Arming one for each request, and telling of slow ones, beside a server without."""
    options = ("--request-timeout", "30", "--slow-request", "10")
    few = total(worker_profile(tmp_path / "few", 300, *options))
    many = total(worker_profile(tmp_path / "many", 1300, *options))
    without = total(profiles[1]) - total(profiles[0])
    share = (many - few - without) / without
    hold("a deadline's share of a request", share, BUDGETS["request"]["deadline_share"])


@needs("valgrind")
def test_instructions_of_an_environ(profiles: tuple[Path, Path]) -> None:
    """The part of it that makes the dictionary."""
    few, many = (inclusive(profile, "EnvironMaker::make") for profile in profiles)
    assert few, "callgrind did not see the function"
    hold("an environ", (many - few) / 1000, BUDGETS["request"]["environ_instructions"])


# ---- instructions of a timeout block -----------------------------------------------------------

LIMITED = """
import sys, winghorn
limit = winghorn.timeout(5)
for _ in range(int(sys.argv[1])):
    with limit:
        pass
"""


@needs("valgrind")
def test_instructions_of_a_timeout_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arming a limit and disarming it."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    program = tmp_path / "limited.py"
    program.write_text(LIMITED)
    few, many = (
        instructions(tmp_path, sys.executable, str(program), count) for count in ("10000", "20000")
    )
    hold("a timeout block", (many - few) / 10000, BUDGETS["timeout"]["block_instructions"])


# ---- bytes of an idle connection ---------------------------------------------------------------


def resident_bytes(pids: list[int]) -> int:
    rolled = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return (
        sum(int(kib) for text in rolled for kib in re.findall(r"^Rss: +(\d+)", text, re.M)) * 1024
    )


def test_bytes_of_an_idle_connection(serve: Serve) -> None:
    """Memory that the server keeps for a connection between two requests."""
    count = 2000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < count + 500:
        pytest.skip("too few descriptors are allowed (ulimit -n)")
    server = serve(APP, "--worker-connections", "4000", "--keep-alive", "120", cwd=APPS)
    pids = [server.pid, *server.workers()]
    clients: list[RawClient] = []
    try:
        for _ in range(100):
            with server.client() as client:
                ask(client)
        before = resident_bytes(pids)
        for _ in range(count):
            clients.append(server.client())
            ask(clients[-1])
        grown = resident_bytes(pids) - before
    finally:
        for client in clients:
            client.close()
    assert [server.pid, *server.workers()] == pids, f"a worker died; log:\n{server.log.text}"
    hold("idle connection", grown / count, BUDGETS["idle"]["connection_bytes"])


# ---- page faults of large bodies ---------------------------------------------------------------


def minor_faults(pid: int) -> int:
    """How often the process touched memory that it had not, or not any more."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[7])


def test_page_faults_of_large_bodies(serve: Serve) -> None:
    """Many bodies that arrive at once use the same memory one after the other."""
    server = serve("bench_wsgi:echo", cwd=APPS)
    (worker,) = server.workers()
    body = b"x" * 32768
    head = f"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    rounds = 20
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(32)]

        def all_at_once() -> None:
            os.kill(worker, signal.SIGSTOP)
            for client in clients:
                client.send(head + body)
            os.kill(worker, signal.SIGCONT)
            for client in clients:
                assert client.read_response().body == body

        for _ in range(3):
            all_at_once()
        before = minor_faults(worker)
        for _ in range(rounds):
            all_at_once()
        faults = (minor_faults(worker) - before) / (rounds * len(clients))
    hold("page faults of an echo", faults, BUDGETS["echo"]["page_faults"])
