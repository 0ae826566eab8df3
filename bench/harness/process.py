# SPDX-License-Identifier: MIT
"""A measured server: started on a port of the kernel's choice, watched, always ended by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType

from bench.harness.servers import APPS, VENV

START_SECONDS = 20.0
STOP_SECONDS = 5.0


class ServerError(Exception):
    """The server did not start, died, or answered wrongly; the text says which."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of one request on a connection of its own; raises OSError, HTTPException."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, "/", body=body or None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def site_packages() -> str:
    """Where the bench's virtualenv keeps Flask."""
    return str(next((VENV / "lib").glob("python3*")) / "site-packages")


class ServerProcess:
    """A server and everything it forks. Leaving the `with` ends all of it, within STOP_SECONDS."""

    def __init__(
        self, command: list[str], port: int, output: Path, cpus: str, *, flask: bool = False
    ) -> None:
        self.port = port
        self.output = output
        paths = [str(APPS), *([site_packages()] if flask else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        for name in ("PORT", "WEB_CONCURRENCY", "WINGHORN_CMD_ARGS", "GUNICORN_CMD_ARGS"):
            environment.pop(name, None)
        self.began = time.monotonic()
        with output.open("ab") as log:
            self._root = subprocess.Popen(
                ["taskset", "-c", cpus, *command],
                cwd=APPS,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def wait_ready(self, method: str = "GET", body: bytes = b"") -> bytes:
        """The body of the first answer, which must be a 200; raises ServerError."""
        until = self.began + START_SECONDS
        while time.monotonic() < until:
            if self._root.poll() is not None:
                raise ServerError(f"ended with {self._root.returncode}: {self.last_words()}")
            try:
                status, answer = fetch(self.port, method, body)
            except (OSError, HTTPException):
                time.sleep(0.002)
                continue
            if status != 200:
                raise ServerError(f"answered {status}: {self.last_words()}")
            return answer
        raise ServerError(f"not ready after {START_SECONDS:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The last line it printed."""
        lines = self.output.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def pids(self) -> list[int]:
        """The started process and all its living descendants, the root first."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                    children.setdefault(int(after_name[1]), []).append(int(entry.name))
        found = [self._root.pid]
        for pid in found:
            found.extend(children.get(pid, []))
        return found

    def worker_pids(self) -> list[int]:
        """Those of pids() that have no child: the processes that serve."""
        tree = self.pids()
        parents = set()
        for pid in tree:
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{pid}/stat").read_text()
                parents.add(int(stat.rpartition(")")[2].split()[1]))
        return [pid for pid in tree if pid not in parents]

    def cpu_ns(self) -> int:
        """Run time of every thread of the tree so far, in ns (threads that have ended are lost)."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    total += int(task.read_text().split()[0])
        return total

    def memory_kib(self, field: str, pids: list[int] | None = None) -> int:
        """A field of smaps_rollup (Rss, Pss, Private_Dirty, …) summed over pids, in KiB."""
        total = 0
        for pid in pids or self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(field + ":"):
                    total += int(line.split()[1])
        return total

    def stop(self) -> None:
        """Asks politely, waits, then kills what is left of the tree."""
        tree = self.pids()
        if self._root.poll() is None:
            self._root.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._root.wait(STOP_SECONDS)
                return
        for pid in reversed(tree):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._root.wait(STOP_SECONDS)
