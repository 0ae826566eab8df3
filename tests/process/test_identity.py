# SPDX-License-Identifier: MIT
"""user, group and initgroups: workers are somebody else, and what the arbiter does still works."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import ask
from tests.support.server import Server, environment, run_to_end
from tests.support.waiting import wait_until

GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
NOBODY = ["--user", "nobody", "--group", "nogroup"]
FRESH = {"PYTHONDONTWRITEBYTECODE": "1"}

APP = """
import json, os, time

def identity():
    return [os.getresuid(), os.getresgid(), sorted(os.getgroups())]

AT_IMPORT = identity()
ANSWER = "one"

def app(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        time.sleep(60)
    start_response("200 OK", [])
    said = {"import": AT_IMPORT, "now": identity(), "answer": ANSWER}
    return [json.dumps(said).encode()]
"""

CONFIG = """
def post_fork(server, worker):
    import os
    server.log.info("post_fork as %s", os.getresuid())
def worker_exit(server, worker):
    import os
    server.log.info("worker_exit as %s", os.getresuid())
"""


def nobody_can_start() -> bool:
    """Whether that user may read the interpreter and the package."""
    done = subprocess.run(
        [sys.executable, "-c", "import winghorn"],
        user="nobody",
        group="nogroup",
        cwd="/",
        env=environment(),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.fixture(scope="module", autouse=True)
def needs_another_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: workers become another user")
    try:
        pwd.getpwnam("nobody")
        grp.getgrnam("nogroup")
    except KeyError as missing:
        pytest.skip(f"needs the user nobody and the group nogroup: {missing}")
    if not nobody_can_start():
        pytest.skip("the user nobody cannot read the package under test")


@pytest.fixture
def folder() -> Iterator[Path]:
    """An application that anybody may read, which is not so of pytest's own folders."""
    made = Path(tempfile.mkdtemp(prefix="winghorn-identity-"))
    made.chmod(0o755)
    (made / "app.py").write_text(APP)
    (made / "conf.py").write_text(CONFIG)
    yield made
    shutil.rmtree(made)


def said(server: Server) -> dict[str, Any]:
    response = ask(server.address, GET)
    assert response.status == 200
    result: dict[str, Any] = json.loads(response.body)
    return result


@pytest.mark.parametrize("more", [[], ["--initgroups"]])
def test_workers_are_that_user(serve: Serve, folder: Path, more: list[str]) -> None:
    """For good and before the import, after the hook post_fork; the arbiter stays who it is."""
    server = serve("app:app", "-c", "conf.py", *NOBODY, *more, cwd=folder, env=FRESH)
    nobody, nogroup = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid
    groups = sorted(set(os.getgrouplist("nobody", nogroup))) if more else [nogroup]
    expected = [[nobody] * 3, [nogroup] * 3, groups]
    answer = said(server)
    assert answer["import"] == expected
    assert answer["now"] == expected
    server.wait_for_log(r"post_fork as \(0, 0, 0\)")
    assert Path(f"/proc/{server.pid}").stat().st_uid == 0
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    server.wait_for_log(rf"worker_exit as \({nobody}, {nobody}, {nobody}\)")


def test_numbers_will_do(serve: Serve, folder: Path) -> None:
    """Of a user and a group that nobody has given a name."""
    args = ("app:app", "--user", "54321", "--group", "54322", "--initgroups")
    server = serve(*args, cwd=folder, env=FRESH)
    assert said(server)["now"] == [[54321] * 3, [54322] * 3, [54322]]


def test_signals_reach_them(serve: Serve, folder: Path) -> None:
    """More, fewer, a reload, one that hangs: the arbiter has the say over them all the same."""
    server = serve("app:app", *NOBODY, "--timeout", "1", cwd=folder, env=FRESH)
    before = server.wait_for_workers(1)
    server.signal(signal.SIGTTIN)
    server.wait_for_workers(2)
    server.signal(signal.SIGTTOU)
    server.wait_for_workers(1)
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload complete")
    server.wait_for_workers(1, before)
    assert ask(server.address, "GET /hang HTTP/1.1\r\nHost: test\r\n\r\n").status == 504
    server.wait_for_log("WORKER TIMEOUT")
    assert said(server)["answer"] == "one"
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


def test_a_reload_may_name_another(serve: Serve, folder: Path) -> None:
    """The new workers are the new one, and have the log; the arbiter is who it was."""
    log = folder / "error.log"
    (folder / "conf.py").write_text("user, group = 'nobody', 'nogroup'\n")
    args = ("app:app", "-c", "conf.py", "-b", "unix:app.sock", f"--error-logfile={log}")
    with Server(*args, bind=None, cwd=folder, env=FRESH) as server:
        path = str(folder / "app.sock")
        wait_until(lambda: log.exists() and "Booting" in log.read_text(), "it has begun")
        assert json.loads(ask(path, GET).body)["now"][0] == [pwd.getpwnam("nobody").pw_uid] * 3
        (folder / "conf.py").write_text("user, group = 54321, 54322\n")
        server.signal(signal.SIGHUP)
        wait_until(lambda: "Reload complete" in log.read_text(), "it has reloaded")
        wait_until(lambda: len(server.workers()) == 1, "the old one has gone")
        assert json.loads(ask(path, GET).body)["now"] == [[54321] * 3, [54322] * 3, [54322]]
        assert (log.stat().st_uid, log.stat().st_gid) == (54321, 54322)
        assert Path(f"/proc/{server.pid}").stat().st_uid == 0


def test_logs_can_be_rotated(serve: Serve, folder: Path) -> None:
    """Workers own the log files, also the ones that USR1 makes, and write to them."""
    logs = {name: folder / f"{name}.log" for name in ("error", "access")}
    options = [f"--error-logfile={logs['error']}", f"--access-logfile={logs['access']}"]
    # The folder is root's: only by owning its file can a worker open it again.
    server = Server("app:app", *NOBODY, *options, "-b", "unix:app.sock", bind=None, cwd=folder)
    with server:
        wait_until(lambda: (folder / "app.sock").exists(), "it listens")
        for path in logs.values():
            wait_until(path.exists, f"{path} is there")
            assert path.owner() == "nobody"
            assert path.group() == "nogroup"
            path.rename(path.with_suffix(".1"))
        server.signal(signal.SIGUSR1)

        def seen_by_the_new_one() -> bool:
            ask(str(folder / "app.sock"), GET)
            return (
                "GET / HTTP/1.1" in logs["access"].read_text() if logs["access"].exists() else False
            )

        wait_until(seen_by_the_new_one, "requests are in the new access log")
        assert {path.owner() for path in logs.values()} == {"nobody"}
        assert "Permission denied" not in logs["error"].read_text()
        os.kill(server.workers()[0], signal.SIGTERM)
        wait_until(lambda: "Worker exiting" in logs["error"].read_text(), "it wrote to the new one")


def test_links_of_theirs_lead_to_no_file(serve: Serve, folder: Path) -> None:
    """A worker's user who owns the log's folder cannot choose which file root writes to."""
    theirs, secret = folder / "theirs", folder / "secret"
    theirs.mkdir()
    shutil.chown(theirs, "nobody")
    secret.write_text("root's\n")
    log = theirs / "access.log"
    arguments = ("app:app", *NOBODY, f"--access-logfile={log}")
    server = serve(*arguments, cwd=folder, env=FRESH)
    log.unlink()
    log.symlink_to(secret)
    os.chown(log, pwd.getpwnam("nobody").pw_uid, -1, follow_symlinks=False)
    server.signal(signal.SIGUSR1)
    server.wait_for_log(rf"'{log}' isn't writable \[PermissionError")
    assert ask(server.address, GET).status == 200
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    done = run_to_end(*arguments, cwd=folder)
    assert (done.returncode, "isn't writable" in done.stderr) == (1, True)
    assert (secret.read_text(), secret.owner()) == ("root's\n", "root")
    os.chown(log, 0, -1, follow_symlinks=False)
    assert ask(serve(*arguments, cwd=folder, env=FRESH).address, GET).status == 200
    wait_until(lambda: "GET / HTTP/1.1" in secret.read_text(), "root's own link is followed")


def test_unix_socket_is_theirs(serve: Serve, folder: Path) -> None:
    """With the group and the mode that a proxy in front is let in by; it goes with the server."""
    path = folder / "app.sock"
    args = ("app:app", *NOBODY, "--umask", "0o117", "-b", f"unix:{path}")
    server = serve(*args, bind=None, cwd=folder, env=FRESH)
    assert (path.owner(), path.group()) == ("nobody", "nogroup")
    assert path.stat().st_mode & 0o777 == 0o660
    assert ask(str(path), GET).status == 200
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert not path.exists()


def test_changed_code_is_still_reloaded(serve: Serve, folder: Path) -> None:
    """--reload: a worker may not send its arbiter a signal, and is heard."""
    server = serve("app:app", *NOBODY, "--reload", cwd=folder, env=FRESH)
    assert said(server)["answer"] == "one"
    (folder / "app.py").write_text(APP.replace('"one"', '"another"'))
    server.wait_for_log("Worker reloading")
    wait_until(lambda: said(server)["answer"] == "another", "the new code answers")


def test_worker_that_imports_goes_with_the_arbiter(serve: Serve, folder: Path) -> None:
    """kill -9 of the arbiter: a worker that is still importing as nobody ends at once."""
    (folder / "slow.py").write_text(
        "import time\nprint('importing', flush=True)\ntime.sleep(600)\n"
    )
    server = serve("slow:app", *NOBODY, ready=False, cwd=folder, env=FRESH)
    assert server.out is not None
    server.out.wait_for("importing", 20)
    worker = server.workers()[0]
    server.kill()
    wait_until(lambda: not processes.alive(worker), "the worker is gone")


def test_unknown_names_are_refused() -> None:
    """In gunicorn's words, before anything is opened."""
    for flag, what in (("--user", "user"), ("--group", "group")):
        for name in ("no-such", "-1"):
            done = run_to_end("trouble:app", f"{flag}={name}")
            assert done.returncode == 1
            assert f"No such {what}: '{name}'" in done.stderr


def test_who_is_not_root_cannot_change(serve: Serve, folder: Path) -> None:
    """It is said at the start, and on HUP, where the old workers go on."""
    become = "import os, sys; os.setgroups([]); os.setgid({1}); os.setuid({0}); os.execvp({2}, {3})"
    nobody, nogroup = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("nogroup").gr_gid
    code = become.format(nobody, nogroup, "sys.argv[1]", "sys.argv[1:]")
    prefix = [sys.executable, "-c", code]
    reason = r"workers cannot have the user root \(0\): that needs root"
    with Server("app:app", "--user", "root", prefix=prefix, cwd=folder, env=FRESH) as refused:
        assert refused.wait_exit() == 1
        refused.wait_for_log("Can't start: " + reason)
    (folder / "conf.py").write_text("")
    server = serve("app:app", "-c", "conf.py", prefix=prefix, cwd=folder, env=FRESH)
    assert said(server)["now"][0] == [nobody] * 3
    (folder / "conf.py").write_text("user = 'root'\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload failed, the old settings stay: " + reason)
    assert said(server)["answer"] == "one"
