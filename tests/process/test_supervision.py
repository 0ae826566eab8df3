# SPDX-License-Identifier: MIT
"""The arbiter: deaths, reloads, signals, back-off; what is lost and what is not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import ask
from tests.support.load import Load
from tests.support.server import APPS, Server
from tests.support.trace import Trace
from tests.support.waiting import FACTOR, PATIENCE, wait_until

HOST = "Host: test\r\n"
HELLO = f"GET /hello HTTP/1.1\r\n{HOST}\r\n"
FRESH = {"PYTHONDONTWRITEBYTECODE": "1"}  # two versions of a file within one second are two

VERSIONED = """
import os
def app(environ, start_response):
    start_response("200 OK", [("X-Version", "{version}")])
    return [str(os.getpid()).encode()]
"""


def names_run(trace: Trace) -> list[str]:
    return [line.partition("name=")[2] for line in trace.lines() if "name=" in line]


# ---- death of workers -----------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "3"])
def test_kill_9_of_workers_under_load(serve: Serve, trace: Trace, threads: str) -> None:
    """Killed workers are replaced; only what they owned is lost; nothing runs twice."""
    server = serve("trouble:app", "--workers", "2", "--threads", threads, env=trace.env, workers=2)
    killed: list[int] = []
    with Load(server, clients=6, reuse=20) as load:
        for _ in range(5):
            load.wait_for_answers(200)
            victim = server.wait_for_workers(2)[0]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)
            server.wait_for_log(rf"Worker \(pid:{victim}\) was sent SIGKILL!")
            server.wait_for_workers(2, other_than=killed)
        load.wait_for_answers(200)
    record = load.record
    assert record.statuses.keys() == {200}
    assert record.refused == []
    # A connection that never had an answer may have been the dead worker's; others must have been.
    others = [f for f in record.failures if f.worker is not None and f.worker not in killed]
    assert others == []
    assert len(record.failures) <= 6 * len(killed)
    run = names_run(trace)
    assert len(run) == len(set(run)), "a request ran twice"
    assert processes.zombies(server.pid) == []


def test_log_tells_what_the_dead_worker_was_doing(serve: Serve, trace: Trace) -> None:
    """The log names the request that died with its worker, and that the arbiter did not do it."""
    server = serve("trouble:app", env=trace.env)
    workers = server.workers()
    with server.client() as client:
        client.get("/sleep?seconds=60")
        trace.wait_for("/sleep")
        os.kill(workers[0], signal.SIGKILL)
        assert client.read_until_closed() == b""
    server.wait_for_log(rf"\[ERROR\] Worker \(pid:{workers[0]}\) was sent SIGKILL!")
    server.wait_for_log(r"GET /sleep\?seconds=60 from 127\.0\.0\.1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_worker_told_to_go_is_replaced(serve: Serve, number: int) -> None:
    """A worker that somebody asks to leave is replaced by another."""
    server = serve("trouble:app")
    workers = server.workers()
    os.kill(workers[0], number)
    server.wait_for_workers(1, other_than=workers)
    assert ask(server.address, HELLO).status == 200


# ---- death of the arbiter -------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "3"])
def test_kill_9_of_the_arbiter(serve: Serve, threads: str) -> None:
    """Workers notice at once: they are gone and the port is free within 1.5 s."""
    server = serve("trouble:app", "--workers", "3", "--threads", threads, workers=3)
    workers = server.wait_for_workers(3)
    port = server.port
    for _ in workers:
        assert ask(server.address, HELLO).status == 200
    server.kill()
    wait_until(
        lambda: not any(processes.alive(pid) for pid in workers), "workers gone", 1.5 * FACTOR
    )
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen()


@pytest.mark.parametrize("blocked", ["time.sleep(60)", "spin()"])
def test_worker_that_imports_goes_with_the_arbiter(
    serve: Serve, tmp_path: Path, blocked: str
) -> None:
    """kill -9 of the arbiter while a worker still imports: it does not finish that first."""
    (tmp_path / "slow_site.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def spin():\n    while True:\n        pass\n"
        f"print('importing', flush=True)\n{blocked}\n"
    )
    server = serve("slow_site:app", cwd=tmp_path, ready=False)
    server.wait_for_out("importing")
    workers = server.workers()
    assert len(workers) == 1
    server.kill()
    wait_until(lambda: not processes.alive(workers[0]), "the worker is gone", 1.5 * FACTOR)


def test_running_requests_get_a_second(serve: Serve, trace: Trace) -> None:
    """When the arbiter dies a short request is still answered, and a long one does not stay."""
    server = serve("trouble:app", "--threads", "2", env=trace.env)
    workers = server.workers()
    with server.client() as short, server.client() as long:
        long.get("/sleep?seconds=60")
        short.get("/sleep?seconds=0.3")
        trace.wait_for("/sleep", count=2)
        server.kill()
        assert short.read_response().status == 200
        wait_until(lambda: not processes.alive(workers[0]), "the worker is gone", 5 * FACTOR)


# ---- HUP ------------------------------------------------------------------------------------


def site(folder: Path, version: str) -> None:
    (folder / "site6.py").write_text(VERSIONED.format(version=version))


def version(server: Server) -> str | None:
    return ask(server.address, HELLO).get("X-Version")


def test_hup_brings_new_code(serve: Serve, tmp_path: Path) -> None:
    """HUP: new workers with the new code, old ones gone, the arbiter the same."""
    site(tmp_path, "1")
    server = serve("site6:app", "--workers", "2", cwd=tmp_path, env=FRESH, workers=2)
    old = server.wait_for_workers(2)
    assert version(server) == "1"
    site(tmp_path, "2")
    server.signal(signal.SIGHUP)
    server.wait_for_log(r"Handling signal: hup")
    server.wait_for_log(r"Hang up: Master")
    server.wait_for_workers(2, other_than=old)
    assert version(server) == "2"
    assert server.running()


@pytest.mark.parametrize("threads", ["1", "3"])
def test_hup_under_load_loses_nothing(serve: Serve, trace: Trace, threads: str) -> None:
    """Five reloads while clients keep asking: no refused, lost or doubled request."""
    server = serve("trouble:app", "--workers", "2", "--threads", threads, env=trace.env, workers=2)
    with Load(server, clients=4, reuse=50) as load:
        for _ in range(5):
            load.wait_for_answers(100)
            old = server.wait_for_workers(2)
            server.signal(signal.SIGHUP)
            server.wait_for_workers(2, other_than=old)
        load.wait_for_answers(100)
    assert load.record.refused == []
    assert load.record.failures == []
    assert load.record.statuses.keys() == {200}
    run = names_run(trace)
    assert len(run) == len(set(run))


def test_hup_lets_running_requests_finish(serve: Serve, trace: Trace) -> None:
    """A request that runs during a reload is answered by the worker it runs in."""
    server = serve("trouble:app", env=trace.env)
    old = server.workers()
    with server.client() as client:
        client.get("/sleep?seconds=2")
        trace.wait_for("/sleep")
        server.signal(signal.SIGHUP)
        server.wait_for_log(r"Booting worker", count=2)
        reply = client.read_response()
    assert reply.text == "slept\n"
    assert reply.get("Connection") == "close"
    server.wait_for_workers(1, other_than=old)


def test_hup_with_code_that_does_not_boot(serve: Serve, tmp_path: Path) -> None:
    """Broken code: the old workers go on, the log says why, the next good HUP works."""
    site(tmp_path, "1")
    server = serve("site6:app", "--workers", "2", cwd=tmp_path, env=FRESH, workers=2)
    old = server.wait_for_workers(2)
    (tmp_path / "site6.py").write_text("raise ValueError('half an edit')\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log(r"ValueError: half an edit")
    server.wait_for_log(r"\[ERROR\] Reload failed")
    assert server.wait_for_workers(2) == old
    assert version(server) == "1"
    assert server.running()
    site(tmp_path, "3")
    server.signal(signal.SIGHUP)
    server.wait_for_workers(2, other_than=old)
    assert version(server) == "3"


def test_hup_with_a_config_file_that_is_broken(serve: Serve, tmp_path: Path) -> None:
    """A config file with a syntax error or a bad value: old settings, old workers, a line why."""
    site(tmp_path, "1")
    config = tmp_path / "winghorn.conf.py"
    config.write_text("workers = 2\n")
    server = serve("site6:app", cwd=tmp_path, env=FRESH, workers=2)
    old = server.wait_for_workers(2)
    for broken in ("workers = (\n", "workers = 'many'\n", "worker = 3\ntimeout = -1\n"):
        config.write_text(broken)
        before = len(server.log.matches("Reload failed"))
        server.signal(signal.SIGHUP)
        server.wait_for_log("Reload failed", count=before + 1)
        assert server.workers() == old
    assert version(server) == "1"
    config.write_text("workers = 3\n")
    server.signal(signal.SIGHUP)
    server.wait_for_workers(3, other_than=old)


def test_hup_that_fails_leaves_the_log_where_it_was(serve: Serve, tmp_path: Path) -> None:
    """New files and level of a reload that cannot bind, or does not boot, are not kept."""
    site(tmp_path, "1")
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    config = tmp_path / "winghorn.conf.py"
    address = f"unix:{tmp_path}/socket"
    config.write_text(f"bind = ['{address}']\nerrorlog = '{old}'\n")
    server = serve("site6:app", bind=None, cwd=tmp_path, env=FRESH, ready=False)

    def said(text: str) -> None:
        wait_until(lambda: old.exists() and text in old.read_text(), f"{text} in the old log")

    said("Booting worker")
    server.wait_for_workers(1)
    moved = f"errorlog = '{new}'\nloglevel = 'critical'\n"
    config.write_text(f"bind = ['{address}', 'unix:/proc/version']\n{moved}")
    server.signal(signal.SIGHUP)
    said("Reload failed, the old settings stay")
    server.signal(signal.SIGTTIN)
    said("Handling signal: ttin")
    assert not new.exists()
    config.write_text(f"bind = ['{address}']\n{moved}")
    (tmp_path / "site6.py").write_text("raise ValueError('half an edit')\n")
    server.signal(signal.SIGHUP)
    said("Reload failed: the new worker")
    server.signal(signal.SIGTTOU)
    said("Handling signal: ttou")


def test_hup_with_another_address(serve: Serve, tmp_path: Path) -> None:
    """HUP may add an address and take one away; what stays is never closed meanwhile."""
    site(tmp_path, "1")
    kept, old, new = (str(tmp_path / name) for name in ("kept", "old", "new"))
    config = tmp_path / "winghorn.conf.py"
    config.write_text(f"bind = ['unix:{kept}', 'unix:{old}']\n")
    server = serve("site6:app", bind=None, cwd=tmp_path, env=FRESH)
    before = server.wait_for_workers(1)
    inode = Path(kept).stat().st_ino
    config.write_text(f"bind = ['unix:{kept}', 'unix:{new}']\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log(rf"Listening at: unix:{kept},unix:{new}")
    server.wait_for_workers(1, other_than=before)
    for address in (kept, new):
        assert ask(address, HELLO).status == 200
    assert Path(kept).stat().st_ino == inode
    wait_until(lambda: not Path(old).exists(), "the old socket file is gone")


def test_burst_of_hups_is_few_reloads(serve: Serve) -> None:
    """Forty HUPs in a moment: coalesced, none lost, the right number of workers after."""
    server = serve("trouble:app", "--workers", "2", workers=2)
    old = server.wait_for_workers(2)
    with Load(server, clients=2, reuse=50) as load:
        load.wait_for_answers(20)
        for _ in range(40):
            os.kill(server.pid, signal.SIGHUP)  # nothing between them: each pause is a reload
        server.wait_for_workers(2, other_than=old)
        load.wait_for_answers(50)
    assert load.record.failures == []
    server.wait_for_workers(2)
    assert len(server.log.matches("Booting worker")) < 2 + 2 * 40


# ---- TTIN, TTOU and others ------------------------------------------------------------------


def test_ttin_and_ttou(serve: Serve) -> None:
    """TTIN adds a worker, TTOU takes the oldest away, never the last."""
    server = serve("trouble:app")
    first = server.wait_for_workers(1)
    server.signal(signal.SIGTTIN)
    server.wait_for_log(r"Handling signal: ttin")
    two = server.wait_for_workers(2)
    server.signal(signal.SIGTTOU)
    server.wait_for_log(r"Handling signal: ttou")
    assert server.wait_for_workers(1) == [pid for pid in two if pid not in first]
    server.signal(signal.SIGTTOU)
    server.wait_for_log(r"Handling signal: ttou", count=2)
    assert ask(server.address, HELLO).status == 200
    assert len(server.workers()) == 1


def test_storm_of_ttin_and_ttou(serve: Serve) -> None:
    """A hundred changes in a row end with the right number of workers and no zombie."""
    server = serve("trouble:app", "--workers", "2", workers=2)
    server.wait_for_workers(2)
    for _ in range(50):
        server.signal(signal.SIGTTIN)
        server.signal(signal.SIGTTOU)
    server.signal(signal.SIGTTIN)
    server.wait_for_log(r"Handling signal: ttin")
    wait_until(lambda: len(server.workers()) in (2, 3, 4), "the number settles")
    assert ask(server.address, HELLO).status == 200
    wait_until(lambda: processes.zombies(server.pid) == [], "no zombie")


# ---- boots that fail ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("raise ValueError('no')\n", 3, "Worker failed to boot."),
        ("import sys; sys.exit(7)\n", 3, "Worker failed to boot."),
        ("app = None\n", 4, "App failed to load."),
    ],
)
def test_first_boot_that_fails_ends_the_server(
    serve: Serve, tmp_path: Path, code: str, status: int, reason: str
) -> None:
    """While no worker has ever been ready, a failed boot ends the server with 3 or 4."""
    (tmp_path / "site7.py").write_text(code)
    server = serve("site7:app", "--workers", "3", cwd=tmp_path, ready=False)
    assert server.wait_exit() == status
    assert f"Reason: {reason}" in server.log.text
    assert "Shutting down: Master" in server.log.text


def test_later_boots_that_fail_are_tried_again_slowly(serve: Serve, tmp_path: Path) -> None:
    """Once a worker was ready, a failing boot is retried with a growing pause; others serve."""
    site(tmp_path, "1")
    server = serve("site6:app", "--workers", "2", cwd=tmp_path, env=FRESH, workers=2)
    before = server.wait_for_workers(2)
    (tmp_path / "site6.py").write_text("raise ValueError('database is away')\n")
    os.kill(before[0], signal.SIGKILL)
    server.wait_for_log(r"is started in 1 s")
    server.wait_for_log(r"is started in 2 s")
    assert version(server) == "1", "the other worker goes on"
    assert server.running()
    site(tmp_path, "2")
    server.wait_for_workers(2, other_than=before[:1])


# ---- process 1 ------------------------------------------------------------------------------


def _can_unshare() -> bool:
    probe = subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False)
    return probe.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a pid namespace")
def test_as_process_1_it_reaps_strangers_and_obeys_term(serve: Serve, tmp_path: Path) -> None:
    """As PID 1 of a container: orphans of the application are reaped, TERM ends it with 0."""
    if not _can_unshare():
        pytest.skip("no pid namespaces here")
    (tmp_path / "site8.py").write_text(
        (APPS / "trouble.py").read_text()
        + "\n\ndef orphan(environ, start_response):\n"
        + "    child = os.fork()\n"
        + "    if child == 0:\n"
        + "        if os.fork() == 0:\n"
        + "            os._exit(0)\n"
        + "        os._exit(0)\n"
        + "    os.waitpid(child, 0)\n"
        + "    return _say(start_response, 'an orphan')\n\n"
        + "\nROUTES['orphan'] = orphan\n"
    )
    server = serve(
        "site8:app",
        "--log-level",
        "debug",
        cwd=tmp_path,
        prefix=["unshare", "--pid", "--fork", "--kill-child"],
        ready=False,
    )
    server.wait_for_log(r"Listening at: .* \(1\)")
    for _ in range(5):
        assert ask(server.address, f"GET /orphan HTTP/1.1\r\n{HOST}\r\n").status == 200
    arbiter = processes.children(server.pid)[0]
    server.wait_for_log(r"Reaped unknown child process", count=5)
    assert processes.zombies(arbiter) == []
    os.kill(arbiter, signal.SIGTERM)
    assert server.wait_exit(PATIENCE) == 0


def test_strangers_children_do_not_disturb_the_roster(serve: Serve) -> None:
    """A child that the arbiter did not fork as a worker is no worker."""
    script = 'sleep 1 & exec "$@"'
    server = serve("trouble:app", prefix=["/bin/sh", "-c", script, "sh"])
    assert ask(server.address, HELLO).status == 200
    wait_until(lambda: len(server.workers()) == 1, "the stranger is gone")
    wait_until(lambda: processes.zombies(server.pid) == [], "the stranger was reaped")
    assert ask(server.address, HELLO).status == 200
