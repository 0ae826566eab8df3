# SPDX-License-Identifier: MIT
"""daemon, enable_stdio_inheritance, and WINCH, which takes a daemon's workers away."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import Address, RawClient, ask
from tests.support.server import APPS, PATIENCE, Lines, command, environment, run_to_end
from tests.support.waiting import wait_until

GET = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"


class Daemon:
    """A server in the background, known by its pid file and its log."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "error.log"
        self.pidfile = folder / "app.pid"
        self.options = ["--daemon", "--pid", str(self.pidfile), "--bind", "127.0.0.1:0"]
        self.log_option = ["--error-logfile", str(self.log)]
        self.pid = 0

    def start(
        self, *args: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Start it and wait until a worker serves; returns what the shell has seen."""
        done = run_to_end("trouble:app", *self.options, *self.log_option, *args, env=env)
        assert done.returncode == 0, done.stderr
        self.settle()
        return done

    def settle(self) -> None:
        self.pid = int(wait_until(lambda: self.text(self.pidfile), "there is a pid file"))
        wait_until(lambda: processes.children(self.pid), "there is a worker")

    @staticmethod
    def text(path: Path) -> str:
        return path.read_text() if path.exists() else ""

    def logs(self, pattern: str) -> re.Match[str]:
        def look() -> list[re.Match[str]]:
            return list(re.finditer(pattern, self.text(self.log)))

        return wait_until(look, lambda: f"{pattern!r} in the log:\n{self.text(self.log)}")[0]

    @property
    def address(self) -> Address:
        return ("127.0.0.1", int(self.logs(r"Listening at: http://127.0.0.1:(\d+) ")[1]))

    def stop(self) -> None:
        if self.pid and processes.state(self.pid) is not None:
            os.kill(self.pid, signal.SIGTERM)
            wait_until(lambda: not processes.alive(self.pid), "the daemon has gone")
            processes.reap(self.pid)


@pytest.fixture
def daemon(tmp_path: Path, nothing_left: None) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made
    made.stop()


def descriptor(pid: int, number: int) -> str:
    return str(Path(f"/proc/{pid}/fd/{number}").readlink())


def test_it_goes_into_the_background(daemon: Daemon) -> None:
    """The shell is told that all is well; the server is nobody's any more, and serves."""
    done = daemon.start()
    assert (done.stdout, done.stderr) == ("", "")
    assert ask(daemon.address, GET).status == 200
    fields = processes._stat(daemon.pid)
    assert fields is not None
    parent, session, terminal = int(fields[1]), int(fields[3]), int(fields[4])
    assert parent == os.getpid(), "it was left to whoever takes orphans in: here, to us"
    assert session not in (daemon.pid, os.getsid(0))
    assert terminal == 0
    assert [descriptor(daemon.pid, number) for number in range(3)] == ["/dev/null"] * 3
    assert Path(f"/proc/{daemon.pid}/cwd").readlink() == APPS
    umask = re.search(r"^Umask:\s*(\d+)", Path(f"/proc/{daemon.pid}/status").read_text(), re.M)
    assert umask is not None
    assert int(umask[1], 8) == 0o022
    os.kill(daemon.pid, signal.SIGTERM)
    daemon.logs("Shutting down: Master")
    wait_until(lambda: not daemon.pidfile.exists(), "the pid file goes with it")


def test_it_may_keep_its_output(daemon: Daemon) -> None:
    """-R: standard output and error stay, and the log that goes there; standard input does not."""
    args = [*command(), "trouble:app", *daemon.options, "-R"]
    with subprocess.Popen(
        args,
        cwd=APPS,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as started:
        assert started.stderr is not None
        log = Lines(started.stderr)
        assert started.wait(PATIENCE) == 0
        daemon.settle()
        log.wait_for("Listening at: ", PATIENCE)
        assert descriptor(daemon.pid, 0) == "/dev/null"
        assert descriptor(daemon.pid, 2).startswith("pipe:")
        daemon.stop()
        log.wait_for("Shutting down: Master", PATIENCE)
        assert log.join(PATIENCE)


def test_it_keeps_no_terminal(daemon: Daemon) -> None:
    """Not even with -R: a daemon outlives the terminal that it was started in."""
    ours, its = pty.openpty()
    try:
        done = subprocess.run(
            [*command(), "trouble:app", *daemon.options, *daemon.log_option, "-R"],
            cwd=APPS,
            env=environment(),
            stdin=its,
            stdout=its,
            stderr=its,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0
        daemon.settle()
        assert [descriptor(daemon.pid, number) for number in range(3)] == ["/dev/null"] * 3
    finally:
        os.close(ours)
        os.close(its)


def test_what_is_wrong_is_said_before(daemon: Daemon) -> None:
    """A bad configuration is the shell's to see, with a status that says so."""
    done = run_to_end("trouble:app", *daemon.options, "--workers", "many")
    assert done.returncode == 2
    done = run_to_end("trouble:app", *daemon.options, "--user", "no-such-user")
    assert done.returncode == 1
    assert "No such user: 'no-such-user'" in done.stderr
    assert not daemon.pidfile.exists()


def test_odd_starts_are_warned_of(daemon: Daemon, tmp_path: Path) -> None:
    """Under systemd's Type=notify, and where nobody will ever read the log."""
    done = daemon.start(env={"NOTIFY_SOCKET": str(tmp_path / "nobody-listens")})
    assert "Warning: systemd (Type=notify)" in done.stderr
    daemon.stop()
    done = run_to_end("trouble:app", *daemon.options)
    assert "Warning: a daemon has no standard error" in done.stderr
    daemon.settle()


def test_winch_takes_the_workers_away(daemon: Daemon) -> None:
    """Gracefully; whoever comes meanwhile waits, and HUP or TTIN brings workers back."""
    daemon.start("--workers", "2")
    address = daemon.address
    os.kill(daemon.pid, signal.SIGWINCH)
    daemon.logs("graceful stop of workers")
    wait_until(lambda: not processes.children(daemon.pid), "the workers have gone")
    with RawClient(address) as waiting:
        waiting.send(GET)
        os.kill(daemon.pid, signal.SIGTTIN)
        assert waiting.read_response().status == 200
    assert len(processes.children(daemon.pid)) == 1
    os.kill(daemon.pid, signal.SIGHUP)
    wait_until(lambda: len(processes.children(daemon.pid)) == 2, "there are two again")
    assert ask(address, GET).status == 200


def test_winch_in_the_foreground_means_nothing(serve: Serve) -> None:
    """Terminals send it when a window has a new size."""
    server = serve("trouble:app", "--log-level", "debug")
    workers = server.workers()
    server.signal(signal.SIGWINCH)
    server.wait_for_log(r"\[DEBUG\] SIGWINCH ignored. Not daemonized")
    assert ask(server.address, GET).status == 200
    assert server.workers() == workers
