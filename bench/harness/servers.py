# SPDX-License-Identifier: MIT
"""The server table: who is measured, and the command that starts each of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
APPS = BENCH / "apps"
VENV = BENCH / ".venv"
FLOOR = ROOT / "build" / "bench" / "epoll_floor"
OPEN_LOOP = ROOT / "build" / "bench" / "open_loop"
THREADS = 4


@dataclass(frozen=True)
class Start:
    """How a server is wanted: which application, on which port, with how much around it."""

    app: str
    port: int
    floor: str | None = None
    workers: int = 1
    access_log: Path | None = None
    many_connections: bool = False


Command = Callable[[Start], "list[str] | None"]


@dataclass(frozen=True)
class Server:
    """One row. `package` must be importable in the bench's virtualenv; None: it is not a peer.

    `rival`: counts for "the best peer". `command` answers None for what the server cannot do.
    `logs_to_stdout`: the access log is what it prints.
    """

    name: str
    package: str | None
    rival: bool
    command: Command
    logs_to_stdout: bool = False


def ours_program() -> Path:
    """The winghorn command: WINGHORN_BENCH_PROGRAM, this interpreter's neighbour, or .venv's."""
    named = os.environ.get("WINGHORN_BENCH_PROGRAM")
    if named:
        return Path(named)
    neighbour = Path(sys.executable).parent / "winghorn"
    return neighbour if neighbour.exists() else ROOT / ".venv" / "bin" / "winghorn"


def _like_gunicorn(program: Path, start: Start, extra: list[str]) -> list[str]:
    command = [str(program), start.app, "--bind", f"127.0.0.1:{start.port}"]
    command += ["--workers", str(start.workers), *extra]
    if start.access_log:
        command += ["--access-logfile", str(start.access_log)]
    if start.many_connections:
        command += ["--worker-connections", "15000", "--keep-alive", "300"]
    return command


def _ours(extra: list[str]) -> Command:
    return lambda start: _like_gunicorn(ours_program(), start, extra)


def _gunicorn(extra: list[str]) -> Command:
    return lambda start: _like_gunicorn(VENV / "bin" / "gunicorn", start, extra)


def _floor(start: Start) -> list[str] | None:
    if start.floor is None or start.workers > 1:
        return None
    return [str(FLOOR), str(start.port), start.floor]


def _granian(start: Start) -> list[str]:
    command = [str(VENV / "bin" / "granian"), "--interface", "wsgi", "--no-ws", "--http", "1"]
    command += ["--host", "127.0.0.1", "--port", str(start.port), "--runtime-mode", "st"]
    command += ["--workers", str(start.workers), "--blocking-threads", "1"]
    # What it calls concurrent requests are connections, idle ones too.
    connections = "16384" if start.many_connections else "2048"
    command += ["--backlog", "2048", "--backpressure", connections]
    if start.access_log:
        command.append("--access-log")
    return [*command, start.app]


def _script(name: str) -> Command:
    def command(start: Start) -> list[str] | None:
        if start.access_log or start.workers > 1:
            return None
        return [str(VENV / "bin" / "python"), str(APPS / name), start.app, str(start.port)]

    return command


THREADED = ["--worker-class", "gthread", "--threads", str(THREADS)]
DEADLINES = ["--request-timeout", "30", "--slow-request", "10"]

SERVERS: tuple[Server, ...] = (
    Server("winghorn", None, False, _ours([])),
    Server("winghorn-gthread", None, False, _ours(THREADED)),
    Server("winghorn-deadlines", None, False, _ours(DEADLINES)),
    Server("floor", None, False, _floor),
    Server("bjoern", "bjoern", True, _script("serve_bjoern.py")),
    Server("fastwsgi", "fastwsgi", True, _script("serve_fastwsgi.py")),
    Server("granian", "granian", True, _granian, logs_to_stdout=True),
    Server("gunicorn-gthread", "gunicorn", False, _gunicorn(THREADED)),
    Server("gunicorn-sync", "gunicorn", False, _gunicorn([])),
)
