# SPDX-License-Identifier: MIT
"""The units in deploy/systemd: systemd accepts them, and the program does what they count on."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.conftest import Serve
from tests.support.server import ROOT, run_to_end
from tests.support.systemd import Notified, passing, settings_of
from tests.support.waiting import PATIENCE

UNITS = ROOT / "deploy" / "systemd"
SERVICE = settings_of(UNITS / "winghorn.service")
SOCKET = settings_of(UNITS / "winghorn.socket")
# What a worker starts must not take the sockets for its own.
APP = """
import os

def application(environ, start_response):
    start_response("200 OK", [])
    leaked = [name for name in os.environ if name.startswith("LISTEN_")]
    return [" ".join(leaked or ["hello"]).encode()]
"""


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """Without a word, which is how it says that it knows every line and every value."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    # It looks for the program too, which is not installed here.
    program = tmp_path / "winghorn"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS.iterdir():
        text = unit.read_text().replace(shlex.split(SERVICE["ExecStart"])[0], str(program))
        (tmp_path / unit.name).write_text(text)
    units = [str(tmp_path / unit.name) for unit in UNITS.iterdir()]
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_service_as_the_unit_starts_it(serve: Serve, tmp_path: Path) -> None:
    """On the passed socket; READY when it serves; reloaded and stopped by the unit's signals."""
    (tmp_path / "app.py").write_text(APP)
    words = shlex.split(SERVICE["ExecStart"])[1:]
    listening = socket.create_server(("127.0.0.1", 0))
    with Notified(tmp_path / "notify") as notified, listening:
        server = serve(
            *words,
            bind=None,
            cwd=tmp_path,
            env={**notified.environment, "WATCHDOG_USEC": "400000"},
            prefix=passing(listening.fileno()),
            pass_fds=[listening.fileno()],
            workers=2,
        )
        ready = ["READY=1", "STATUS=2 workers serve", f"MAINPID={server.pid}"]
        assert notified.next_other_than("WATCHDOG=1") == ready
        assert server.address == listening.getsockname()
        assert httpx.get(server.url).text == "hello"
        assert SERVICE["ExecReload"] == "/bin/kill -HUP $MAINPID"
        server.signal(signal.SIGHUP)
        assert notified.next_other_than("WATCHDOG=1")[0] == "RELOADING=1"
        assert notified.next_other_than("WATCHDOG=1") == ready
        assert httpx.get(server.url).text == "hello"
        assert notified.socket.recv(4096) == b"WATCHDOG=1"
        server.signal(signal.SIGTERM)
        assert notified.next_other_than("WATCHDOG=1") == ["STOPPING=1"]
        assert server.wait_exit() == 0


def test_systemd_waits_longer_than_we_do() -> None:
    """A stop that is still within graceful_timeout must not be ended by a KILL."""
    words = shlex.split(SERVICE["ExecStart"])
    graceful = int(words[words.index("--graceful-timeout") + 1])
    assert int(SERVICE["TimeoutStopSec"]) > graceful
    # TERM to the arbiter alone: it says what its workers do. KILL to all of them in the end.
    assert SERVICE["KillMode"] == "mixed"
    # What is told comes from the arbiter, so nobody else need be heard.
    assert (SERVICE["Type"], SERVICE["NotifyAccess"]) == ("notify", "main")


def test_the_socket_has_the_servers_own_backlog() -> None:
    """systemd listens in our stead: its queue is to be as long as ours would be."""
    said = run_to_end("--print-config", "hello:app").stdout
    (backlog,) = re.findall(r"^backlog += (\d+)$", said, re.MULTILINE)
    assert SOCKET["Backlog"] == backlog
