# SPDX-License-Identifier: MIT
"""Fixtures of all Python tests: servers that are surely stopped, and proof that nothing is left."""

from __future__ import annotations

import gc
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Tests import `tests.support` by that name, however pytest was started.
ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.support import processes  # noqa: E402
from tests.support.server import Server  # noqa: E402
from tests.support.trace import Trace  # noqa: E402
from tests.support.waiting import FACTOR, wait_until  # noqa: E402

DEFAULT_TIMEOUT_SECONDS = 60


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "large: moves gigabytes; run with --large")
    config.addinivalue_line("markers", "crashes: a worker dies of the application's own fault")
    config.addinivalue_line("markers", "leaves_socket: a unix socket file may stay behind")
    # A shell lets its background jobs ignore Ctrl-C, and so would every program that they start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    processes.become_subreaper()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--large", action="store_true", help="also run tests that move gigabytes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="moves gigabytes; needs --large")
    for item in items:
        if "large" in item.keywords and not config.getoption("--large"):
            item.add_marker(skip)
        given = item.get_closest_marker("timeout")
        seconds = given.args[0] if given and given.args else DEFAULT_TIMEOUT_SECONDS
        if FACTOR != 1:
            item.add_marker(pytest.mark.timeout(seconds * FACTOR), append=False)


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test: no process of ours, no descriptor, no unix socket file is left behind."""
    before_children = set(processes.children(os.getpid()))
    before_descriptors = processes.descriptors()
    folder: Path | None = None
    if "tmp_path" in request.fixturenames and not request.node.get_closest_marker("leaves_socket"):
        folder = request.getfixturevalue("tmp_path")
    yield
    wait_until(
        lambda: not set(processes.children(os.getpid())) - before_children,
        lambda: f"no process is left: {_left(before_children)}",
    )
    for pid in processes.zombies(os.getpid()):
        processes.reap(pid)

    def new_descriptors() -> dict[int, str]:
        found = processes.descriptors().items()
        new = {key: what for key, what in found if before_descriptors.get(key) != what}
        if new:
            gc.collect()  # what only waits for the collector is not left
        return new

    wait_until(lambda: not new_descriptors(), lambda: f"descriptors left: {new_descriptors()}", 5)
    sockets = [path for path in folder.rglob("*") if _is_socket(path)] if folder else []
    assert not sockets, f"socket files left: {sockets}"


def _left(before: set[int]) -> list[str]:
    names = []
    for pid in set(processes.children(os.getpid())) - before:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        names.append(f"{pid} {words.decode(errors='replace')}")
        processes.end(pid)
    return names


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False


Serve = Callable[..., Server]


@pytest.fixture
def serve(request: pytest.FixtureRequest, nothing_left: None) -> Iterator[Serve]:
    """Starts servers (arguments as for Server), waits until they are ready, stops them after."""
    started: list[Server] = []

    def start(*args: str, ready: bool = True, workers: int | None = None, **more: Any) -> Server:
        server = Server(*args, **more).start()
        started.append(server)
        return server.ready(workers) if ready else server

    yield start
    for server in reversed(started):
        server.stop()
    if not request.node.get_closest_marker("crashes"):
        for server in started:
            assert server.sanitizer_reports() == [], server.log.text


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """Remembers the requests that `trouble:app` runs, given `env=trace.env`."""
    return Trace(tmp_path / "trace")
