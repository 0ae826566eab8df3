# SPDX-License-Identifier: MIT
"""One run of one program in a folder of its own, watched from outside.

Whatever becomes of the run, `end` leaves none of its processes behind. Its output goes to files, so
that no thread has to read it.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.parity.products import Product
from tests.support import processes
from tests.support.waiting import wait_until

PATIENCE = 12.0
READY = "ready"
_LISTENING = "0A"
_LOOPBACK = "0100007F"  # 127.0.0.1 as /proc/net/tcp has it


class Program:
    """One run. `out` and `err` are what it has written so far."""

    def __init__(
        self,
        product: Product,
        folder: Path,
        command: Sequence[str],
        env: Mapping[str, str],
        descriptors: Sequence[int] = (),
    ) -> None:
        self._folder = folder
        self._threads_of_worker = product.threads
        self._files = [(folder.parent / name).open("wb") for name in ("stdout", "stderr")]
        self._seen: set[int] = set()
        self._port = 0
        self._followed = 0  # the pid of what is no child of ours by birth
        self._status: int | None = None  # its exit status
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            pass_fds=descriptors,
            env=product.environment(env, folder),
            stdin=subprocess.DEVNULL,
            stdout=self._files[0],
            stderr=self._files[1],
            start_new_session=True,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The arbiter's."""
        return self._followed or self._process.pid

    @property
    def out(self) -> str:
        return (self._folder.parent / "stdout").read_text("utf-8", "replace")

    @property
    def err(self) -> str:
        return (self._folder.parent / "stderr").read_text("utf-8", "replace")

    def wait(self, seconds: float = PATIENCE) -> int:
        """The exit status; raises AssertionError when it does not end."""
        self._look()
        wait_until(lambda: not self.running(), lambda: f"it ends; it said:\n{self.err}", seconds)
        return self._process.wait() if self._status is None else self._status

    def end(self) -> None:
        """Kills what is left of it."""
        self._look()
        for group in {self._process.pid, self.pid}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        self._process.wait()
        for pid in self._seen:
            wait_until(lambda pid=pid: not processes.alive(pid), f"{pid} is gone", PATIENCE)  # type: ignore[misc]
        for file in self._files:
            file.close()

    def signal(self, number: signal.Signals, pid: int | None = None) -> None:
        self._look()
        os.kill(self.pid if pid is None else pid, number)

    def workers(self) -> list[int]:
        """Living workers, oldest first. What Winghorn preloads in is none."""
        found = [pid for pid in processes.children(self.pid) if not _is_zygote(pid)]
        self._seen.update(found)
        return found

    def _look(self) -> None:
        if self.running():
            self._seen.update(processes.descendants(self.pid))

    def running(self) -> bool:
        if not self._followed:
            return self._process.poll() is None
        if self._status is None:
            with suppress(ChildProcessError):  # the parent that it has lives
                pid, status = os.waitpid(self._followed, os.WNOHANG)
                self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status is None

    def follow(self, file: Path) -> None:
        """From now on this is the process that the pid file names, once it names another one."""
        before = self.pid

        def named() -> int:
            text = file.read_text().strip() if file.exists() else ""
            pid = int(text) if text.isdigit() else before
            return pid if pid != before and processes.alive(pid) else 0

        self._look()
        self._followed = wait_until(named, lambda: f"{file.name} of another:\n{self.err}", PATIENCE)
        self._port = 0

    # ---- what it has ----

    def port(self) -> int:
        """The first port of 127.0.0.1 it listens at, whatever it logs of it."""
        # Kept, for the system's table of sockets can be long.
        if not self._port:
            found = wait_until(
                self._listening, lambda: f"it listens; it said:\n{self.err}", PATIENCE
            )
            self._port = found[0]
        return self._port

    def _listening(self) -> list[int]:
        if not self.running():
            raise AssertionError(f"it has ended ({self._process.returncode}); it said:\n{self.err}")
        links: list[str] = []
        for pid in (self.pid, *self.workers()):  # workers may have sockets of their own
            with suppress(FileNotFoundError, PermissionError):
                links += processes.descriptors(pid).values()
        inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sorted(
            int(row[1].partition(":")[2], 16)
            for row in rows
            if row[3] == _LISTENING and row[9] in inodes and row[1].startswith(_LOOPBACK)
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port()), PATIENCE)

    def wait_for_lines(self, file: Path, pattern: str, count: int) -> None:
        """Until so many lines of `file` match; raises AssertionError when it ends before."""

        def found() -> bool:
            ended = not self.running()
            text = file.read_text("utf-8", "replace") if file.exists() else ""
            if len(re.findall(pattern, text, re.M)) >= count:
                return True
            assert not ended, f"no {pattern!r}: it has ended; it said:\n{self.err}"
            return False

        wait_until(found, lambda: f"{count} lines with {pattern!r}:\n{self.err}", PATIENCE)

    def wait_for_workers(self, living: int, ready: int) -> None:
        """Until exactly `living` workers live and `ready` have reported since the start."""

        def settled() -> bool:
            assert self.running(), f"it has ended; it said:\n{self.err}"
            found = self.workers()
            serve = all(processes.threads(pid) >= self._threads_of_worker for pid in found)
            return len(found) == living and serve and self.ready() >= ready

        wait_until(
            settled,
            lambda: (
                f"{living} workers, {self.workers()} live, {self.ready()} were ready:\n{self.err}"
            ),
            PATIENCE,
        )

    def ready(self) -> int:
        """How many workers have reported that they serve."""
        file = self._folder / READY
        return len(file.read_text().splitlines()) if file.exists() else 0


def _is_zygote(pid: int) -> bool:
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return title.startswith(b"winghorn: zygote")
