# SPDX-License-Identifier: MIT
"""The real program under test, started with arguments, watched line by line.

    with Server("hello:app", "--workers", "2") as server:
        server.ready()
        httpx.get(server.url)
        server.signal(signal.SIGHUP)
        server.wait_for_log(r"Booting worker")

WINGHORN_TEST_COMMAND   what to start instead of `python -m winghorn` (an installed script, say)
WINGHORN_TEST_PRELOAD   LD_PRELOAD for the program, not for the tests (sanitizers)
WINGHORN_TEST_TIMEOUT_FACTOR   see waiting.py
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.support import processes
from tests.support.client import Address, RawClient
from tests.support.waiting import FACTOR, PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).resolve().parent / "apps"

SANITIZED = bool(os.environ.get("WINGHORN_TEST_PRELOAD"))
_REPORT = r"(Address|Thread|Leak|UndefinedBehavior)Sanitizer|: runtime error: "
_LISTENING = re.compile(r"Listening at: (\S.*) \((\d+)\)")
_TCP = re.compile(r"https?://(\[.*\]|[^:]+):(\d+)")
# Beside the main thread, the writer of the log and the watchdog; they start after the import.
_THREADS_OF_A_WORKER = 3
_NOT_INHERITED = (
    "WEB_CONCURRENCY",
    "PORT",
    "WINGHORN_CMD_ARGS",
    "GUNICORN_CMD_ARGS",
    "FORWARDED_ALLOW_IPS",
    "SENDFILE",
    "SCRIPT_NAME",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "PYTHONUNBUFFERED",
)


def command() -> list[str]:
    given = os.environ.get("WINGHORN_TEST_COMMAND")
    return shlex.split(given) if given else [sys.executable, "-m", "winghorn"]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of the program: ours, without what would change its defaults."""
    env = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
    # Started elsewhere, the package of this tree must still be the one that is found.
    paths = [str(ROOT / path) for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    if paths:
        env["PYTHONPATH"] = os.pathsep.join(paths)
    if preload := os.environ.get("WINGHORN_TEST_PRELOAD"):
        env["LD_PRELOAD"] = preload
    env.update(more or {})
    return env


class Lines:
    """What came through a pipe so far, line by line; a thread reads, any thread may look."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._changed = threading.Condition()
        self._lines: list[str] = []
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                with self._changed:
                    self._lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def text(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        with self._changed:
            return list(self._lines)

    def matches(self, pattern: str) -> list[str]:
        return [line for line in self.lines() if re.search(pattern, line)]

    def wait_for(self, pattern: str, seconds: float, count: int = 1) -> str:
        """The line of the `count`-th match. Raises AssertionError when it does not come."""

        def found() -> list[str]:
            return [line for line in self._lines if re.search(pattern, line)]

        with self._changed:
            self._changed.wait_for(lambda: len(found()) >= count or self._ended, seconds)
            lines = found()
            if len(lines) >= count:
                return lines[count - 1]
            why = "the program has ended" if self._ended else f"after {seconds:g} s"
            seen = "\n".join(self._lines[-40:])
        raise AssertionError(f"no line ({count}) matches {pattern!r}: {why}; seen:\n{seen}")

    def join(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()


class Server:
    """One run of the program. Not started before `start()` or `with`."""

    def __init__(
        self,
        *args: str,
        bind: str | None = "127.0.0.1:0",
        env: Mapping[str, str] | None = None,
        cwd: Path | str = APPS,
        prefix: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
        stdout: IO[bytes] | int = subprocess.PIPE,
    ) -> None:
        where = [] if bind is None else ["--bind", bind]
        self.args = [*prefix, *command(), *where, *args]
        self._cwd = str(cwd)
        self._env = environment(env)
        self._pass_fds = tuple(pass_fds)
        self._stdout = stdout
        self._process: subprocess.Popen[bytes] | None = None
        self.log: Lines
        self.out: Lines | None = None
        self._seen: set[int] = set()
        self._successors: set[int] = set()

    # ---- life ----

    def start(self) -> Server:
        self._process = subprocess.Popen(
            self.args,
            cwd=self._cwd,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=subprocess.PIPE,
            pass_fds=self._pass_fds,
            # A group of its own, as a shell would give it: Ctrl-C goes to all of it and not to us.
            start_new_session=True,
        )
        assert self._process.stderr is not None
        self.log = Lines(self._process.stderr)
        self.out = Lines(self._process.stdout) if self._process.stdout else None
        return self

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def ready(self, workers: int | None = None) -> Server:
        """Waits until it listens and `workers` (by default one or more) answer or at least live."""
        self.log.wait_for(_LISTENING.pattern, PATIENCE)
        self.log.wait_for(r"Booting worker with pid", PATIENCE, workers or 1)
        if self.url:
            wait_until(self._answers, lambda: f"no answer; log:\n{self.log.text}")
        return self

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"it has ended; log:\n{self.log.text}")
        return bool(self.workers())

    def stop(self, seconds: float = PATIENCE) -> int | None:
        """TERM, a bounded wait, then the hard way; leaves nothing behind. The exit status."""
        if self._process is None:
            return None
        self._seen.update(processes.descendants(self.pid))
        for successor in self._successors:
            self._seen.update([successor, *processes.descendants(successor)])
        self._successors.clear()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._sweep()
        return self._process.returncode

    def _sweep(self) -> None:
        """Ends what is left of this run; orphans have become children of the test process."""
        for pid in self._seen:
            is_orphan = processes.state(pid) is not None and os.getpid() == _parent(pid)
            if is_orphan and pid not in self._successors:
                processes.end(pid)
        if any(processes.alive(pid) for pid in self._successors):
            return  # its output goes on
        self.log.join(PATIENCE)
        if self.out is not None:
            self.out.join(PATIENCE)

    def sanitizer_reports(self) -> list[str]:
        return self.log.matches(_REPORT)

    def outlived_by(self, pid: int) -> None:
        """That arbiter may go on when the one that was started here ends; stop() ends it too."""
        self._successors.add(pid)

    def kill(self) -> None:
        """kill -9 of the arbiter alone."""
        self._seen.update(processes.descendants(self.pid))
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def signal(self, number: int) -> None:
        self._seen.update(processes.descendants(self.pid))
        assert self._process is not None
        self._process.send_signal(number)

    def interrupt(self) -> None:
        """Ctrl-C in a terminal: SIGINT to the whole process group."""
        self._seen.update(processes.descendants(self.pid))
        os.killpg(self.pid, signal.SIGINT)

    def wait_exit(self, seconds: float = PATIENCE) -> int:
        """The exit status, when it ends by itself within `seconds`."""
        assert self._process is not None
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"still running after {seconds:g} s; log:\n{self.log.text}"
            ) from None
        self._sweep()
        return status

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    # ---- what it says and has ----

    def wait_for_log(self, pattern: str, seconds: float = PATIENCE, count: int = 1) -> str:
        return self.log.wait_for(pattern, seconds, count)

    def wait_for_out(self, pattern: str, seconds: float = PATIENCE, count: int = 1) -> str:
        assert self.out is not None
        return self.out.wait_for(pattern, seconds, count)

    def workers(self) -> list[int]:
        found = processes.children(self.pid)
        self._seen.update(found)
        return found

    def wait_for_workers(self, count: int, other_than: Sequence[int] = ()) -> list[int]:
        """Until exactly `count` workers serve, none of `other_than` among them."""

        def look() -> list[int]:
            found = self.workers()
            settled = len(found) == count and not set(found) & set(other_than)
            settled = settled and all(
                processes.threads(pid) >= _THREADS_OF_A_WORKER for pid in found
            )
            return found if settled else []

        return wait_until(look, lambda: f"{count} workers; log:\n{self.log.text}")

    def addresses(self) -> list[Address]:
        line = self.log.wait_for(_LISTENING.pattern, PATIENCE)
        found = _LISTENING.search(line)
        assert found is not None
        result: list[Address] = []
        for name in found[1].split(","):
            if tcp := _TCP.fullmatch(name.strip()):
                result.append((tcp[1].strip("[]"), int(tcp[2])))
            else:
                result.append(name.strip().removeprefix("unix:"))
        return result

    @property
    def address(self) -> Address:
        return self.addresses()[0]

    @property
    def port(self) -> int:
        address = self.address
        assert not isinstance(address, str)
        return address[1]

    @property
    def url(self) -> str:
        address = self.address
        if isinstance(address, str):
            return ""
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{address[1]}"

    def client(self, seconds: float = PATIENCE, receive_buffer: int = 0) -> RawClient:
        return RawClient(self.address, seconds, receive_buffer)


def _parent(pid: int) -> int | None:
    fields = processes._stat(pid)
    return int(fields[1]) if fields else None


def run_to_end(
    *args: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | str = APPS,
    prefix: Sequence[str] = (),
    seconds: float = PATIENCE * 2,
) -> subprocess.CompletedProcess[str]:
    """Runs the program with arguments with which it should end by itself."""
    return subprocess.run(
        [*prefix, *command(), *args],
        cwd=str(cwd),
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


__all__ = ["APPS", "FACTOR", "PATIENCE", "ROOT", "Lines", "Server", "environment", "run_to_end"]
