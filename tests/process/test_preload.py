# SPDX-License-Identifier: MIT
"""preload_app: the application is imported once, in a zygote, and workers are forked from there."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import ask
from tests.support.server import Server, run_to_end
from tests.support.waiting import PATIENCE, wait_until

GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
FRESH = {"PYTHONDONTWRITEBYTECODE": "1"}

# Answers with the process that imported it, the one that serves, that one's parent, and its words.
APP = """
import os, time
IMPORTED_BY = os.getpid()
WORDS = "one"

def app(environ, start_response):
    if environ["PATH_INFO"] == "/sleep":
        time.sleep(60)
    start_response("200 OK", [])
    return [f"{IMPORTED_BY} {os.getpid()} {os.getppid()} {WORDS}".encode()]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    except OSError:  # it has just ended
        return ""


def zygotes(server: Server) -> list[int]:
    return [pid for pid in server.workers() if title(pid).startswith("winghorn: zygote")]


def workers(server: Server) -> list[int]:
    return [pid for pid in server.workers() if title(pid).startswith("winghorn: worker")]


def answer(server: Server) -> tuple[int, int, int, str]:
    imported, served, parent, words = ask(server.address, GET).body.decode().split()
    return int(imported), int(served), int(parent), words


def wait_for_words(server: Server, words: str) -> None:
    wait_until(lambda: answer(server)[3] == words, lambda: f"{words}; log:\n{server.log.text}")


def test_application_is_imported_once(serve: Serve, folder: Path) -> None:
    """By the zygote; its workers are the arbiter's children, and serve what it has imported."""
    server = serve("app:app", "--preload", "--workers", "3", cwd=folder, workers=3)
    (zygote,) = zygotes(server)
    found = workers(server)
    assert len(found) == 3
    imported, served, parent, _ = answer(server)
    assert (imported, parent) == (zygote, server.pid)
    assert served in found
    assert title(zygote) == "winghorn: zygote [app:app]"


def test_worker_that_dies_is_forked_again(serve: Serve, folder: Path) -> None:
    """Without another import; the code on disk may be broken meanwhile."""
    server = serve("app:app", "--preload", cwd=folder, env=FRESH)
    (zygote,), (worker,) = zygotes(server), workers(server)
    (folder / "app.py").write_text("broken (\n")
    os.kill(worker, signal.SIGKILL)
    server.wait_for_log(rf"Worker \(pid:{worker}\) was sent SIGKILL")
    server.wait_for_log("Booting worker", count=2)
    imported, served, parent, _ = answer(server)
    assert (imported, parent) == (zygote, server.pid)
    assert served != worker


def test_reload_imports_anew(serve: Serve, folder: Path) -> None:
    """HUP makes another zygote; the old one goes with its workers."""
    server = serve("app:app", "--preload", "--workers", "2", cwd=folder, env=FRESH, workers=2)
    (old,) = zygotes(server)
    (folder / "app.py").write_text(APP.replace('"one"', '"another"'))
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload complete: 2 new workers are ready")
    wait_for_words(server, "another")
    wait_until(lambda: processes.state(old) is None, "the old zygote is gone")
    assert len(zygotes(server)) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_thing\n", "No module named 'no_such_thing'"),
        ("application = 5\n", "Failed to find attribute 'app'"),
        ("import os; os._exit(7)\n", "exited with code 7"),
    ],
)
def test_reload_to_code_that_does_not_load(
    serve: Serve, folder: Path, code: str, said: str
) -> None:
    """Replaces nobody: the old zygote forks on; the reason is in the log. Mended code is taken."""
    server = serve("app:app", "--preload", cwd=folder, env=FRESH)
    (zygote,) = zygotes(server)
    (folder / "app.py").write_text(code)
    server.signal(signal.SIGHUP)
    server.wait_for_log(r"Reload failed: the new zygote \(pid:\d+\) exited with code \d")
    assert said in server.log.text
    assert answer(server)[0] == zygote
    (worker,) = workers(server)
    os.kill(worker, signal.SIGKILL)
    server.wait_for_log("Booting worker", count=2)
    assert answer(server)[0] == zygote
    (folder / "app.py").write_text(APP.replace('"one"', '"mended"'))
    server.signal(signal.SIGHUP)
    wait_for_words(server, "mended")


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("import no_such_thing\n", 3, "Reason: Worker failed to boot."),
        ("application = 5\n", 4, "Reason: App failed to load."),
    ],
)
def test_application_that_does_not_load_ends_the_start(
    tmp_path: Path, code: str, status: int, reason: str
) -> None:
    """With a worker's exit status and one traceback."""
    (tmp_path / "app.py").write_text(code)
    done = run_to_end("app:app", "--preload", "--workers", "3", "-b", "127.0.0.1:0", cwd=tmp_path)
    assert done.returncode == status
    assert reason in done.stderr
    assert done.stderr.count("Booting zygote") == 1
    assert "Booting worker" not in done.stderr


def test_zygote_that_is_killed_is_missed_only_when_needed(serve: Serve, folder: Path) -> None:
    """Workers serve on; the next that is needed comes from a new zygote."""
    server = serve("app:app", "--preload", cwd=folder)
    (zygote,), (worker,) = zygotes(server), workers(server)
    assert answer(server)[1] == worker
    os.kill(zygote, signal.SIGKILL)
    server.wait_for_log(rf"Zygote \(pid:{zygote}\) was ended by SIGKILL")
    assert answer(server)[1] == worker
    os.kill(worker, signal.SIGKILL)
    server.wait_for_log("Booting zygote", count=2)
    server.wait_for_log("Booting worker", count=2)
    imported, served, parent, _ = answer(server)
    assert [imported] == zygotes(server)
    assert [served] == workers(server)
    assert parent == server.pid


def test_more_and_fewer_workers(serve: Serve, folder: Path) -> None:
    """TTIN and TTOU; a worker after its max_requests has its successor first."""
    server = serve("app:app", "--preload", "--max-requests", "5", cwd=folder)
    server.signal(signal.SIGTTIN)
    wait_until(lambda: len(workers(server)) == 2, "a second worker")
    server.signal(signal.SIGTTOU)
    wait_until(lambda: len(workers(server)) == 1, "one worker again")
    served: set[int] = set()

    def third_one_serves() -> bool:
        served.add(answer(server)[1])
        return len(served) >= 3

    wait_until(third_one_serves, "workers are replaced")


def test_worker_that_hangs_is_replaced(serve: Serve, folder: Path) -> None:
    """`timeout` holds: 504, and another fork of the same zygote."""
    server = serve("app:app", "--preload", "--timeout", "1", cwd=folder)
    (zygote,), (worker,) = zygotes(server), workers(server)
    assert ask(server.address, GET.replace("/", "/sleep", 1)).status == 504
    server.wait_for_log(rf"WORKER TIMEOUT \(pid:{worker}\)")
    wait_until(lambda: worker not in workers(server), "the worker is gone")
    assert answer(server)[0] == zygote


def test_stop_leaves_no_zygote(serve: Serve, folder: Path) -> None:
    """Not while the import runs, and not while a request still does: nobody new is let in then."""
    server = serve("app:app", "--preload", cwd=folder)
    (zygote,) = zygotes(server)
    with server.client() as client, pytest.raises(ConnectionRefusedError):
        client.send(GET.replace("/", "/sleep", 1))
        server.signal(signal.SIGTERM)
        wait_until(lambda: processes.state(zygote) is None, "the zygote is gone")
        while True:
            server.client().close()
    server.signal(signal.SIGINT)
    server.signal(signal.SIGINT)
    assert server.wait_exit() == 0
    (folder / "app.py").write_text("import time; time.sleep(60)\n")
    slow = serve("app:app", "--preload", cwd=folder, ready=False)
    slow.wait_for_log("Booting zygote")
    slow.signal(signal.SIGTERM)
    assert slow.wait_exit() == 0


def test_end_of_the_arbiter_is_the_end_of_all(serve: Serve, folder: Path) -> None:
    """kill -9 of the arbiter: zygote and workers go too."""
    server = serve("app:app", "--preload", "--workers", "2", cwd=folder, workers=2)
    assert answer(server)[2] == server.pid
    left = server.workers()
    assert len(left) == 3
    server.kill()
    wait_until(lambda: not any(_lives(pid) for pid in left), "nobody is left")


def _lives(pid: int) -> bool:
    return processes.state(pid) not in (None, "Z")


HOOKS = """
import os
def note(name, *more):
    with open("trace", "a") as trace:
        print(name, os.getpid(), *more, file=trace)
def pre_fork(server, worker): note("pre_fork", worker.age)
def post_fork(server, worker): note("post_fork", worker.age, worker.pid)
def post_worker_init(worker): note("post_worker_init", worker.age)
def child_exit(server, worker): note("child_exit", worker.age)
preload_app = True
"""


def test_hooks_run_where_the_fork_is(serve: Serve, folder: Path) -> None:
    """pre_fork in the zygote, which has the application; child_exit in the arbiter."""
    (folder / "gunicorn.conf.py").write_text(HOOKS)
    server = serve("app:app", cwd=folder)
    (zygote,), (worker,) = zygotes(server), workers(server)
    assert answer(server)[0] == zygote
    os.kill(worker, signal.SIGKILL)
    trace = folder / "trace"
    wait_until(lambda: trace.read_text().count("post_worker_init") == 2, trace.read_text)
    (successor,) = workers(server)
    assert trace.read_text().splitlines() == [
        f"pre_fork {zygote} 1",
        f"post_fork {worker} 1 {worker}",
        f"post_worker_init {worker} 1",
        f"child_exit {server.pid} 1",
        f"pre_fork {zygote} 2",
        f"post_fork {successor} 2 {successor}",
        f"post_worker_init {successor} 2",
    ]


def test_threads_of_the_import_are_told(serve: Serve, folder: Path) -> None:
    """A thread that the application starts while it is imported is in no worker: a WARNING."""
    (folder / "app.py").write_text(
        APP + "import threading\n"
        "threading.Thread(target=time.sleep, args=(60,), name='poller', daemon=True).start()\n"
    )
    server = serve("app:app", "--preload", cwd=folder)
    server.wait_for_log(r"\[WARNING\] application 'app:app' started a thread \(poller\)")
    assert answer(server)[3] == "one"


def test_reload_on_change_with_preload(serve: Serve, folder: Path) -> None:
    """--reload works with --preload: changed code is imported by a new zygote."""
    server = serve("app:app", "--preload", "--reload", cwd=folder, env=FRESH)
    wait_for_words(server, "one")
    (folder / "app.py").write_text(APP.replace('"one"', '"another one"').replace(" one", ""))
    wait_for_words(server, "another")


def test_rotated_logs_are_those_of_later_workers(serve: Serve, folder: Path) -> None:
    """USR1 reaches the zygote: who is forked afterwards writes to the new files."""
    log, moved = folder / "error.log", folder / "error.log.1"
    (folder / "gunicorn.conf.py").write_text(
        "def pre_fork(server, worker): server.log.info('pre_fork %s', worker.age)\n"
        f"preload_app = True\nerrorlog = {str(log)!r}\n"
    )
    server = serve("app:app", cwd=folder, ready=False)
    wait_until(lambda: log.exists() and "Booting worker" in log.read_text(), "a worker boots")
    log.rename(moved)
    server.signal(signal.SIGUSR1)
    wait_until(log.exists, "the new file")
    (worker,) = workers(server)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "Booting worker with pid" in log.read_text(), log.read_text)
    assert "pre_fork 2" in log.read_text()
    assert moved.read_text().count("Booting worker") == 1


def test_worker_that_the_arbiter_does_not_know_does_nothing(serve: Serve, folder: Path) -> None:
    """A zygote that dies between the fork and its report leaves no worker to itself."""
    (folder / "app.py").write_text(
        APP + "import signal\n"
        "os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    server = serve("app:app", "--preload", cwd=folder, ready=False)
    server.wait_for_log("Can't start a worker \\(the zygote has ended\\)", count=2)
    server.wait_for_log(r"Zygote \(pid:\d+\) was ended by SIGKILL")
    assert server.log.matches("Booting worker") == []
    (folder / "app.py").write_text(APP)
    server.signal(signal.SIGHUP)
    server.wait_for_log("Booting worker")


NARROW = """
import os, resource
preload_app = True
def when_ready(server):
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, most))
"""


def test_zygote_that_cannot_be_started_is_tried_again_soon(serve: Serve, folder: Path) -> None:
    """As is said in the log: in a second, not when something else happens."""
    (folder / "gunicorn.conf.py").write_text(NARROW)
    server = serve("app:app", cwd=folder, ready=False)
    server.wait_for_log(r"Can't start a worker \(.*\); trying again in 1 s")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (1024, 1024))
    server.wait_for_log("Booting worker", seconds=PATIENCE)
