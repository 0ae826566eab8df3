# SPDX-License-Identifier: MIT
"""USR2: a new arbiter beside the old one, then instead of it; or not, when it is of no use."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import Address, ask
from tests.support.load import Load
from tests.support.server import Server
from tests.support.systemd import passing
from tests.support.waiting import PATIENCE, wait_until

GET = "GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"


def text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def workers_of(arbiter: int) -> list[int]:
    return [pid for pid in processes.children(arbiter) if title(pid).startswith("winghorn: worker")]


def upgrade(server: Server, whose: int | None = None) -> int:
    """USR2 to the arbiter, and the pid of the new one once its workers serve."""
    old = whose or server.pid
    count = len(server.log.matches("A new master is starting"))
    os.kill(old, signal.SIGUSR2)
    line = server.log.wait_for(r"A new master is starting \(pid: \d+\)", PATIENCE, count + 1)
    pid = int(line.split(": ")[-1][:-1])
    server.outlived_by(pid)

    def serves() -> bool:
        workers = workers_of(pid)
        return bool(workers) and all(processes.threads(worker) >= 3 for worker in workers)

    wait_until(serves, lambda: f"the new one serves; log:\n{server.log.text}")
    return pid


def end(server: Server, pid: int) -> None:
    """Ask an arbiter that was not started by the test to go, and wait until it has."""
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not processes.alive(pid), lambda: f"{pid} goes; log:\n{server.log.text}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(
        "import os\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [str(os.getppid()).encode()]\n"
    )
    return tmp_path


def arbiters(address: Address, rounds: int = 20) -> set[int]:
    """Whose workers answer there."""
    return {int(ask(address, GET).body) for _ in range(rounds)}


# ---- the whole way --------------------------------------------------------------------------


@pytest.mark.parametrize("more", [[], ["--preload"]])
def test_new_one_takes_over_and_nothing_is_lost(
    serve: Serve, tmp_path: Path, more: list[str]
) -> None:
    """Under load, by TERM of the old one; pid files, titles and the promotion are right."""
    pidfile, second = tmp_path / "app.pid", tmp_path / "app.pid.2"
    args = ("trouble:app", "--workers", "2", "--pid", str(pidfile), *more)
    server = serve(*args, workers=2)
    with Load(server) as load:
        load.wait_for_answers(50)
        heir = upgrade(server)
        assert text(pidfile) == f"{server.pid}\n"
        assert text(second) == f"{heir}\n"
        assert title(server.pid) == "winghorn: master [trouble:app]"
        assert title(heir) == "winghorn: master [trouble:app.2]"
        assert title(workers_of(heir)[0]) == "winghorn: worker [trouble:app.2]"
        load.wait_for_answers(50)
        server.signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        server.wait_for_log("Master has been promoted.")
        wait_until(lambda: text(pidfile) == f"{heir}\n", "the pid file names the new one")
        assert not second.exists()
        assert title(heir) == "winghorn: master [trouble:app]"
        load.wait_for_answers(50)
    assert load.record.failures == []
    assert load.record.refused == []
    assert set(load.record.statuses) == {200}
    end(server, heir)
    assert not pidfile.exists()
    assert server.log.matches(r"Shutting down: Master$")


def test_new_one_can_be_taken_back(serve: Serve, tmp_path: Path, folder: Path) -> None:
    """By TERM of the new one: the old one has served all the time, and may try again."""
    pidfile, path = tmp_path / "app.pid", tmp_path / "app.sock"
    args = ("app:app", "--pid", str(pidfile), "--bind", f"unix:{path}", "--bind", "127.0.0.1:0")
    server = serve(*args, bind=None, cwd=folder)
    heir = upgrade(server)
    seen: set[int] = set()

    def both_have_answered() -> bool:
        seen.update(arbiters(str(path)))
        return seen == {server.pid, heir}

    wait_until(both_have_answered, lambda: f"both answer: {seen}")
    end(server, heir)
    server.wait_for_log(rf"The new master \(pid:{heir}\) exited with code 0; this one goes on")
    assert text(pidfile) == f"{server.pid}\n"
    assert not (tmp_path / "app.pid.2").exists()
    assert arbiters(str(path)) == {server.pid}
    assert server.log.matches(r"Shutting down: Master.2$")
    again = upgrade(server)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert arbiters(str(path)) == {again}
    end(server, again)
    assert not path.exists(), "the last one takes the socket's file with it"


def test_hooks_know_who_follows(serve: Serve, folder: Path) -> None:
    """server.reexec_pid is the new one's pid while it lives, and 0 else."""
    (folder / "winghorn.conf.py").write_text(
        "def nworkers_changed(server, new, old):\n"
        "    server.log.info('%s workers, followed by %s', new, server.reexec_pid)\n"
    )
    server = serve("app:app", cwd=folder)
    server.wait_for_log("1 workers, followed by 0$")
    heir = upgrade(server)
    server.signal(signal.SIGTTIN)
    server.wait_for_log(f"2 workers, followed by {heir}$")
    end(server, heir)
    server.wait_for_log("this one goes on")
    server.signal(signal.SIGTTIN)
    server.wait_for_log("3 workers, followed by 0$")


def test_one_at_a_time(serve: Serve) -> None:
    """A second USR2 changes nothing, nor does one to the new arbiter."""
    server = serve("trouble:app")
    heir = upgrade(server)
    server.signal(signal.SIGUSR2)
    server.wait_for_log(rf"\[{server.pid}\] \[WARNING\] USR2 signal ignored. Child exists.")
    os.kill(heir, signal.SIGUSR2)
    server.wait_for_log(rf"\[{heir}\] \[WARNING\] USR2 signal ignored. Parent exists.")
    end(server, heir)


def test_both_can_be_stopped_at_once(serve: Serve, tmp_path: Path, folder: Path) -> None:
    """Ctrl-C goes to both; the last one takes the unix socket's file with it."""
    path = tmp_path / "app.sock"
    server = serve("app:app", "--bind", f"unix:{path}", bind=None, cwd=folder)
    heir = upgrade(server)
    server.interrupt()
    assert server.wait_exit() == 0
    wait_until(lambda: not processes.alive(heir), "both have gone")
    assert not path.exists()


def test_old_one_that_is_killed_is_followed(serve: Serve, tmp_path: Path) -> None:
    """kill -9 of the old arbiter: the new one has the service at once, stale pid file and all."""
    pidfile = tmp_path / "app.pid"
    server = serve("trouble:app", "--pid", str(pidfile))
    address = server.address
    heir = upgrade(server)
    server.kill()
    wait_until(lambda: text(pidfile) == f"{heir}\n", "the pid file names the new one")
    assert ask(address, GET).status == 200
    heir_of_heir = upgrade(server, heir)
    assert text(tmp_path / "app.pid.2") == f"{heir_of_heir}\n"
    end(server, heir)
    assert ask(address, GET).status == 200
    wait_until(lambda: text(pidfile) == f"{heir_of_heir}\n", "and so on")
    end(server, heir_of_heir)


def test_new_one_that_cannot_start_changes_nothing(serve: Serve, folder: Path) -> None:
    """A broken configuration, a broken application: the old one says so and goes on."""
    config = folder / "conf.py"
    config.write_text("")
    server = serve("app:app", "-c", str(config), cwd=folder, env={"PYTHONDONTWRITEBYTECODE": "1"})
    config.write_text("workers = 'many'\n")
    server.signal(signal.SIGUSR2)
    server.wait_for_log(r"The new master \(pid:\d+\) exited with code 1; this one goes on")
    config.write_text("")
    (folder / "app.py").write_text("app = (\n")
    server.signal(signal.SIGUSR2)
    server.wait_for_log(r"The new master \(pid:\d+\) exited with code 3; this one goes on")
    assert arbiters(server.address, 1) == {server.pid}


# ---- sockets of every kind ------------------------------------------------------------------


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with closing(socket.socket()) as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


@pytest.mark.parametrize("how", ["fd", "systemd"])
def test_sockets_that_were_passed_are_passed_on(
    serve: Serve, listening: socket.socket, folder: Path, how: str
) -> None:
    """By number, as fd://N or by systemd: gunicorn's new arbiter would not find them."""
    number = listening.fileno()
    args = ["app:app", *(["--bind", f"fd://{number}"] if how == "fd" else [])]
    prefix = passing(number) if how == "systemd" else []
    server = serve(*args, bind=None, cwd=folder, prefix=prefix, pass_fds=[number])
    heir = upgrade(server)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert arbiters(server.address) == {heir}
    third = upgrade(server, heir)
    end(server, heir)
    assert arbiters(server.address) == {third}
    end(server, third)


def test_address_that_is_new_is_bound(serve: Serve, tmp_path: Path, folder: Path) -> None:
    """The new arbiter listens where its own configuration says; the rest is closed."""
    config, path = folder / "conf.py", tmp_path / "app.sock"
    config.write_text("bind = ['127.0.0.1:0', '127.0.0.2:0']\n")
    server = serve("app:app", "-c", str(config), bind=None, cwd=folder)
    first, second = server.addresses()
    config.write_text(f"bind = ['127.0.0.1:0', 'unix:{path}']\n")
    heir = upgrade(server)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert arbiters(first) == {heir}
    assert arbiters(str(path)) == {heir}
    with pytest.raises(ConnectionRefusedError):
        ask(second, GET)
    end(server, heir)


# ---- what the new arbiter is started with ---------------------------------------------------


CONFIG = """
import os
raw_env = ["FROM_RAW_ENV=1"]
chdir = "site"
before = sorted(name for name in os.environ if name.startswith("FROM_"))
os.environ["FROM_CONFIG"] = "1"
def when_ready(server):
    server.log.info("began in %s with %s", server.START_CTX["cwd"], before)
def pre_exec(server):
    server.log.info("pre_exec in a child of %s", os.getppid())
def post_fork(server, worker):
    known = [n for n in os.environ if n.startswith(("GUNICORN_", "WINGHORN_L", "LISTEN_"))]
    server.log.info("a worker knows %s", known)
"""


def test_it_is_started_as_the_old_one_was(serve: Serve, folder: Path) -> None:
    """Its folder, environment and command line are those of the start; pre_exec runs before."""
    (folder / "site").mkdir()
    (folder / "app.py").rename(folder / "site" / "app.py")
    (folder / "gunicorn.conf.py").write_text(CONFIG)
    server = serve("app:app", cwd=folder, env={"FROM_START": "1"})
    heir = upgrade(server)
    server.wait_for_log(rf"\[{heir}\] \[INFO\] pre_exec in a child of {server.pid}")
    began = rf"began in {re.escape(str(folder))} with \['FROM_START'\]"
    server.wait_for_log(rf"\[{server.pid}\] \[INFO\] {began}")
    server.wait_for_log(rf"\[{heir}\] \[INFO\] {began}")
    server.wait_for_log(r"a worker knows \[\]", count=2)
    assert not Path(f"/proc/{heir}/environ").read_bytes().count(b"FROM_RAW_ENV")
    assert arbiters(server.address) <= {server.pid, heir}
    end(server, heir)


def test_pre_exec_that_raises_is_no_new_arbiter(serve: Serve, folder: Path) -> None:
    """The traceback is in the log, and the old one goes on."""
    (folder / "gunicorn.conf.py").write_text("def pre_exec(server):\n    raise ValueError('no')\n")
    server = serve("app:app", cwd=folder)
    server.signal(signal.SIGUSR2)
    server.wait_for_log("Exception in pre_exec hook")
    server.wait_for_log(r"The new master \(pid:\d+\) exited with code 1; this one goes on")
    assert arbiters(server.address, 1) == {server.pid}


# ---- with others ----------------------------------------------------------------------------


def test_daemon_by_the_book(tmp_path: Path, folder: Path, serve: Serve) -> None:
    """USR2, WINCH, a look at the new one, and back by HUP to the old one and TERM to the new."""
    pidfile, log, path = tmp_path / "app.pid", tmp_path / "error.log", tmp_path / "app.sock"
    options = ["--daemon", "--pid", str(pidfile), "--error-logfile", str(log)]
    started = Server("app:app", *options, "--bind", f"unix:{path}", bind=None, cwd=folder).start()
    assert started.wait_exit() == 0
    old = int(wait_until(lambda: text(pidfile), "there is a pid file"))
    wait_until(lambda: processes.children(old), "it has a worker")
    os.kill(old, signal.SIGUSR2)
    heir = int(wait_until(lambda: text(tmp_path / "app.pid.2"), "there is a second one"))
    wait_until(lambda: processes.children(heir), "it has a worker")
    os.kill(old, signal.SIGWINCH)
    wait_until(lambda: processes.children(old) == [heir], "the old workers have gone")
    assert arbiters(str(path)) == {heir}
    os.kill(old, signal.SIGHUP)
    wait_until(lambda: len(processes.children(old)) == 2, "the old one has workers again")
    end(started, heir)
    assert arbiters(str(path)) == {old}
    end(started, old)
    assert not path.exists()
    assert started.stop() == 0


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    path = tmp_path / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(str(path))
        made.settimeout(PATIENCE)
        yield made
    path.unlink()


def test_systemd_knows_who_is_in_charge(serve: Serve, systemd: socket.socket) -> None:
    """The old one names its successor when it goes, and never says that the service stops."""
    address = systemd.getsockname()
    server = serve("trouble:app", env={"NOTIFY_SOCKET": address})
    assert systemd.recv(4096).endswith(b"MAINPID=%d" % server.pid)
    heir = upgrade(server)
    server.signal(signal.SIGTERM)
    assert systemd.recv(4096) == b"MAINPID=%d" % heir
    assert systemd.recv(4096).endswith(b"MAINPID=%d" % heir)
    end(server, heir)
    assert systemd.recv(4096) == b"STOPPING=1"
