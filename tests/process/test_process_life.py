# SPDX-License-Identifier: MIT
"""What scripts and service managers hold on to: the pid file, and the words to systemd."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import run_to_end
from tests.support.systemd import Notified
from tests.support.waiting import PATIENCE, wait_until

GET = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"


# ---- the pid file ---------------------------------------------------------------------------


def test_pid_file_from_start_to_stop(serve: Serve, tmp_path: Path) -> None:
    """It holds the arbiter's pid while the server runs, readable by all, and goes with it."""
    file = tmp_path / "app.pid"
    file.write_text("nonsense")
    server = serve("trouble:app", "--pid", str(file))
    assert file.read_text() == f"{server.pid}\n"
    assert file.stat().st_mode & 0o777 == 0o644
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert not file.exists()


def test_pid_file_of_a_living_process(tmp_path: Path) -> None:
    """A second server does not start over the first one's file."""
    file = tmp_path / "app.pid"
    file.write_text(f"{os.getpid()}\n")
    done = run_to_end("trouble:app", "--pid", str(file))
    assert done.returncode == 1
    said = f"Already running on PID {os.getpid()} (or pid file '{file}' is stale)"
    assert said in done.stderr
    assert file.read_text() == f"{os.getpid()}\n"


def test_pid_file_does_not_outlive_a_failed_start(tmp_path: Path) -> None:
    """Neither when the application cannot be loaded nor when there is no folder for it."""
    file = tmp_path / "app.pid"
    done = run_to_end("trouble:missing", "--pid", str(file))
    assert done.returncode == 4
    assert not file.exists()
    done = run_to_end("trouble:app", "--pid", str(tmp_path / "no" / "app.pid"))
    assert done.returncode == 1
    assert f"{tmp_path / 'no'} doesn't exist. Can't create pidfile." in done.stderr


def test_reload_moves_the_pid_file(serve: Serve, tmp_path: Path) -> None:
    """A new name is honoured by HUP; one that cannot be is a reload that fails."""
    config = tmp_path / "conf.py"
    config.write_text(f"pidfile = {str(tmp_path / 'one.pid')!r}\n")
    server = serve("trouble:app", "-c", str(config))
    config.write_text(f"pidfile = {str(tmp_path / 'two.pid')!r}\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload complete")
    assert (tmp_path / "two.pid").read_text() == f"{server.pid}\n"
    assert not (tmp_path / "one.pid").exists()
    config.write_text(f"pidfile = {str(tmp_path / 'no' / 'three.pid')!r}\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload failed, the old settings stay: .*Can't create pidfile")
    assert (tmp_path / "two.pid").exists()
    assert ask(server.address, GET).status == 200


def test_reload_that_fails_leaves_the_log(serve: Serve, tmp_path: Path) -> None:
    """A pid file that cannot be: level and place of the log stay too."""
    config, old, new = tmp_path / "conf.py", tmp_path / "old.log", tmp_path / "new.log"
    config.write_text(f"errorlog = {str(old)!r}\n")
    server = serve("trouble:app", "-c", str(config), ready=False)
    wait_until(lambda: old.exists() and "Booting worker" in old.read_text(), "the worker boots")
    config.write_text(
        f"errorlog = {str(new)!r}\nloglevel = 'debug'\npidfile = {str(tmp_path / 'no' / 'x')!r}\n"
    )
    server.signal(signal.SIGHUP)
    failed = "Reload failed, the old settings stay"
    wait_until(lambda: failed in old.read_text(), lambda: old.read_text())
    assert failed not in new.read_text()
    server.signal(signal.SIGTTIN)
    wait_until(lambda: old.read_text().count("Booting worker") == 2, lambda: old.read_text())
    assert "[DEBUG]" not in old.read_text()


# ---- systemd --------------------------------------------------------------------------------


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Notified]:
    with Notified(tmp_path / "notify") as made:
        yield made


def test_systemd_is_told_of_start_reload_and_stop(serve: Serve, systemd: Notified) -> None:
    """READY when the workers serve, RELOADING and READY around a reload, STOPPING at the end."""
    server = serve("trouble:app", "--workers", "2", env=systemd.environment, workers=2)
    ready = ["READY=1", "STATUS=2 workers serve", f"MAINPID={server.pid}"]
    assert systemd.next_other_than() == ready
    server.signal(signal.SIGHUP)
    reloading = systemd.next_other_than()
    assert reloading[0] == "RELOADING=1"
    assert int(reloading[1].removeprefix("MONOTONIC_USEC=")) > 0
    assert systemd.next_other_than() == ready
    server.signal(signal.SIGTERM)
    assert systemd.next_other_than() == ["STOPPING=1"]
    assert server.wait_exit() == 0


def test_systemds_watchdog_hears_of_us(serve: Serve, systemd: Notified) -> None:
    """WATCHDOG=1 comes at least twice in the time that systemd gives."""
    env = {**systemd.environment, "WATCHDOG_USEC": "400000"}
    server = serve("trouble:app", env=env)
    assert systemd.next_other_than("WATCHDOG=1")[0] == "READY=1"
    for _ in range(3):
        systemd.socket.settimeout(PATIENCE)
        assert systemd.socket.recv(4096) == b"WATCHDOG=1"
    server.signal(signal.SIGTERM)
    assert systemd.next_other_than("WATCHDOG=1") == ["STOPPING=1"]


def test_reload_that_fails_is_ready_again(serve: Serve, systemd: Notified, tmp_path: Path) -> None:
    """Whoever waits for a reload is not left waiting when the old settings stay."""
    config = tmp_path / "conf.py"
    config.write_text("")
    server = serve("trouble:app", "-c", str(config), env=systemd.environment)
    assert systemd.next_other_than()[0] == "READY=1"
    config.write_text("workers = 'many'\n")
    server.signal(signal.SIGHUP)
    assert systemd.next_other_than()[0] == "RELOADING=1"
    assert systemd.next_other_than()[0] == "READY=1"


# ---- process titles -------------------------------------------------------------------------


def title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


def test_process_titles(serve: Serve, tmp_path: Path) -> None:
    """ps shows which is the arbiter and which a worker, by proc_name or else the application."""
    config = tmp_path / "conf.py"
    config.write_text("")
    server = serve("trouble:app", "-c", str(config), workers=1)
    assert ask(server.address, GET).status == 200
    assert title(server.pid) == "winghorn: master [trouble:app]"
    assert title(server.workers()[0]) == "winghorn: worker [trouble:app]"
    config.write_text("proc_name = 'shop'\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload complete")
    assert title(server.pid) == "winghorn: master [shop]"
