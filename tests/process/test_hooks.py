# SPDX-License-Identifier: MIT
"""Server hooks: which are called, where, in which order, with what; and hooks that fail."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import APPS, run_to_end
from tests.support.waiting import wait_until

GET = "GET /hello?a=1 HTTP/1.1\r\nHost: test\r\n\r\n"

# Every hook appends "name process arguments" to a file.
TRACED = """
import os

ARBITER = os.getpid()

def note(name, *words):
    where = "arbiter" if os.getpid() == ARBITER else "worker"
    with open({trace!r}, "a") as file:
        file.write(" ".join([name, where, *map(str, words)]) + "\\n")

def nworkers_changed(server, new, old): note("nworkers_changed", new, old)
def on_starting(server): note("on_starting", server.pid == os.getpid(), server.cfg.workers)
def when_ready(server): note("when_ready", server.num_workers)
def pre_fork(server, worker): note("pre_fork", worker.pid, worker.age)
def post_fork(server, worker): note("post_fork", worker.pid == os.getpid(), worker.booted)
def post_worker_init(worker): note("post_worker_init", worker.booted, callable(worker.wsgi))
def pre_request(worker, req): note("pre_request", req.method, req.uri, req.path, req.query)
def post_request(worker, req, environ, resp):
    note("post_request", req.method, environ["PATH_INFO"], resp.status, resp.status_code, resp.sent)
def worker_int(worker): note("worker_int")
def worker_abort(worker): note("worker_abort", worker.aborted)
def worker_exit(server, worker): note("worker_exit", worker.alive)
def child_exit(server, worker): note("child_exit", worker.pid in server.WORKERS)
def on_reload(server): note("on_reload")
def on_exit(server): note("on_exit")
"""


class Hooks:
    """A config file whose hooks write down that they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace = folder / "trace.txt"
        self.configure("")

    def configure(self, more: str) -> None:
        text = TRACED.format(trace=str(self.trace)) + more
        (self.folder / "winghorn.conf.py").write_text(text)

    def lines(self) -> list[str]:
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def names(self) -> list[str]:
        return [line.split()[0] for line in self.lines()]

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: all(name in self.names() for name in names), f"{names} called")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Has the application."""
    (tmp_path / "trouble.py").write_text((APPS / "trouble.py").read_text())
    return tmp_path


@pytest.fixture
def hooks(folder: Path) -> Hooks:
    return Hooks(folder)


@pytest.mark.parametrize("threads", ["1", "3"])
def test_every_hook_in_its_process_and_order(
    serve: Serve, hooks: Hooks, folder: Path, threads: str
) -> None:
    """One start, one request, one reload and one stop: gunicorn's hooks in gunicorn's order."""
    server = serve("trouble:app", "--threads", threads, cwd=folder, workers=1)
    assert ask(server.address, GET).status == 200
    hooks.wait_for("post_request")
    assert hooks.lines() == [
        "nworkers_changed arbiter 1 None",
        "on_starting arbiter True 1",
        "when_ready arbiter 1",
        "pre_fork arbiter [booting] 1",
        "post_fork worker True False",
        "post_worker_init worker False True",
        "pre_request worker GET /hello?a=1 /hello a=1",
        "post_request worker GET /hello 200 OK 200 6",
    ]
    hooks.trace.unlink()
    server.signal(signal.SIGHUP)
    hooks.wait_for("worker_exit", "child_exit")
    assert hooks.names()[:3] == ["nworkers_changed", "on_reload", "pre_fork"]
    assert "pre_fork arbiter [booting] 2" in hooks.lines()
    assert "worker_exit worker False" in hooks.lines()
    assert "child_exit arbiter False" in hooks.lines()
    hooks.trace.unlink()
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
    assert hooks.names() == ["worker_exit", "child_exit", "on_exit"]


def test_quick_stop_and_count(serve: Serve, hooks: Hooks, folder: Path) -> None:
    """TTIN and TTOU tell nworkers_changed; a worker that is told to be quick calls worker_int."""
    server = serve("trouble:app", cwd=folder, workers=1)
    server.signal(signal.SIGTTIN)
    server.wait_for_workers(2)
    server.signal(signal.SIGTTOU)
    server.wait_for_workers(1)
    hooks.wait_for("child_exit")  # of the one that went
    assert "nworkers_changed arbiter 2 1" in hooks.lines()
    assert "nworkers_changed arbiter 1 2" in hooks.lines()
    hooks.trace.unlink()
    server.signal(signal.SIGINT)
    assert server.wait_exit() == 0
    assert hooks.names() == ["worker_int", "worker_exit", "child_exit", "on_exit"]


def test_count_after_a_reload_that_fails(serve: Serve, hooks: Hooks, folder: Path) -> None:
    """The old generation goes on with the number that it had, and hooks are told that one."""
    server = serve("trouble:app", cwd=folder, workers=1, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert ask(server.address, GET).status == 200
    server.signal(signal.SIGTTIN)
    server.wait_for_workers(2)
    (folder / "trouble.py").write_text("app = (\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload failed: the new worker")
    counts = ["1 None", "2 1", "1 2", "2 1"]
    wait_until(
        lambda: hooks.names().count("nworkers_changed") == len(counts), "the old number is told"
    )
    told = [line for line in hooks.lines() if line.startswith("nworkers_changed")]
    assert told == [f"nworkers_changed arbiter {count}" for count in counts]


def test_timeout_calls_worker_abort(serve: Serve, hooks: Hooks, folder: Path) -> None:
    """A worker that is ended for want of progress calls worker_abort, then worker_exit."""
    server = serve("trouble:app", "--timeout", "1", cwd=folder, workers=1)
    with server.client() as client:
        client.get("/sleep?seconds=60")
        hooks.wait_for("worker_abort", "worker_exit", "child_exit")
    order = [
        name for name in hooks.names() if name in {"worker_abort", "worker_exit", "child_exit"}
    ]
    assert order[:3] == ["worker_abort", "worker_exit", "child_exit"]


STARTING = ["nworkers_changed", "on_starting", "when_ready"]


@pytest.mark.parametrize("hook", STARTING)
def test_hook_that_fails_ends_the_start(hooks: Hooks, folder: Path, hook: str) -> None:
    """A hook that raises while the server starts ends it with status 1, and says where."""
    hooks.configure(
        f"def {hook}(*arguments): raise ValueError('no such luck')\n".replace(
            "*arguments", {"nworkers_changed": "a, b, c"}.get(hook, "a")
        )
    )
    done = run_to_end("trouble:app", cwd=folder)
    assert done.returncode == 1
    assert f"Exception in {hook} hook" in done.stderr
    assert "ValueError: no such luck" in done.stderr
    assert "post_fork" not in hooks.names()


@pytest.mark.parametrize("hook", ["pre_fork", "child_exit", "post_request", "worker_exit"])
def test_hook_that_fails_later_is_reported_and_survived(
    serve: Serve, hooks: Hooks, folder: Path, hook: str
) -> None:
    """A hook that raises while the server runs is a traceback in the log; requests are answered."""
    parameters = {"post_request": "a, b, c, d"}.get(hook, "a, b")
    hooks.configure(f"def {hook}({parameters}): raise ValueError('no such luck')\n")
    server = serve("trouble:app", cwd=folder, workers=1)
    assert ask(server.address, GET).status == 200
    server.signal(signal.SIGHUP)
    server.wait_for_log("Reload complete")
    server.wait_for_log(f"Exception in {hook} hook")
    assert ask(server.address, GET).status == 200


def test_pre_request_that_fails_is_the_requests_error(
    serve: Serve, hooks: Hooks, folder: Path
) -> None:
    """What pre_request raises is answered like an application's exception: 500, and logged."""
    hooks.configure("def pre_request(worker, req): raise ValueError('no such luck')\n")
    server = serve("trouble:app", cwd=folder, workers=1)
    assert ask(server.address, GET).status == 500
    server.wait_for_log("Error handling request GET /hello")


@pytest.mark.parametrize("hook", ["post_fork", "post_worker_init"])
def test_hook_that_fails_in_a_booting_worker(hooks: Hooks, folder: Path, hook: str) -> None:
    """A worker whose first hooks raise has failed to boot: status 3, as in gunicorn."""
    parameters = "a" if hook == "post_worker_init" else "a, b"
    hooks.configure(f"def {hook}({parameters}): raise ValueError('no such luck')\n")
    done = run_to_end("trouble:app", cwd=folder)
    assert done.returncode == 3
    assert "Exception in worker process" in done.stderr
    assert "ValueError: no such luck" in done.stderr
    assert hooks.names()[-3:] == ["worker_exit", "child_exit", "on_exit"]


WRONG = {
    "post_fork = 'nowhere'": "'nowhere' is not import string",
    "post_fork = 'os.no_such'": "Can not load 'no_such' from 'os'",
    "post_fork = 5": "Value is not callable: 5",
    "def post_fork(server): pass": "Value must have an arity of: 2",
    "def post_request(worker): pass": "Value must have an arity of: 4",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_no_hook_is_refused(folder: Path, line: str) -> None:
    """A hook that cannot be called as it would be is refused at the start, by name."""
    (folder / "winghorn.conf.py").write_text(line + "\n")
    done = run_to_end("trouble:app", cwd=folder)
    assert done.returncode == 1
    assert WRONG[line] in done.stderr
    assert "setting 'post_" in done.stderr


def test_hooks_of_fewer_arguments_and_by_name(serve: Serve, folder: Path) -> None:
    """post_request may take two or three arguments; a hook may be named by its dotted path."""
    (folder / "my_hooks.py").write_text(
        "def post_fork(server, worker): worker.log.info('by name')\n"
    )
    (folder / "winghorn.conf.py").write_text(
        "post_fork = 'my_hooks.post_fork'\n"
        "def post_request(worker, req): worker.log.info('two arguments: %s', req.path)\n"
    )
    server = serve("trouble:app", cwd=folder, workers=1)
    server.wait_for_log("by name")
    assert ask(server.address, GET).status == 200
    server.wait_for_log("two arguments: /hello")


# ---- max_requests ---------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "3"])
def test_max_requests_replaces_the_worker(serve: Serve, threads: str) -> None:
    """After max_requests a worker goes, its successor first; every request is answered."""
    server = serve("trouble:app", "--max-requests", "5", "--threads", threads, workers=1)
    first = server.workers()[0]
    wait_until(
        lambda: ask(server.address, GET).status == 200 and first not in server.workers(),
        "the first worker is replaced",
    )
    server.wait_for_log("Autorestarting worker after current request.")
    assert "exited with code" not in server.log.text


def test_hook_may_set_the_limit_of_its_worker(serve: Serve, folder: Path) -> None:
    """worker.max_requests is the limit with its jitter, and a hook may give it another value."""
    (folder / "winghorn.conf.py").write_text(
        "max_requests = 1000\n"
        "max_requests_jitter = 5\n"
        "def post_fork(server, worker):\n"
        "    worker.log.info('drawn: %s', 1000 <= worker.max_requests <= 1005)\n"
        "    worker.max_requests = 2\n"
    )
    server = serve("trouble:app", cwd=folder, workers=1)
    server.wait_for_log("drawn: True")
    first = server.workers()[0]
    wait_until(
        lambda: ask(server.address, GET).status == 200 and first not in server.workers(),
        "the first worker is replaced",
    )


def test_jitter_needs_no_limit(serve: Serve) -> None:
    """Jitter alone replaces nobody; with a limit a worker outlives it by at most as much."""
    server = serve("trouble:app", "--max-requests-jitter", "5", workers=1)
    first = server.workers()
    for _ in range(20):
        assert ask(server.address, GET).status == 200
    assert server.workers() == first


def test_debug_level_tells_configuration_and_requests(serve: Serve) -> None:
    """What gunicorn says at level debug: every setting, and each request before it runs."""
    server = serve("hello:app", "--log-level", "debug", workers=1)
    server.wait_for_log(r"\[DEBUG\] Current configuration:")
    server.wait_for_log(r"^  graceful_timeout: 30$")
    request = b"GET /some/path?a=b HTTP/1.1\r\nHost: test\r\n\r\n"
    assert ask(server.address, request).status == 200
    server.wait_for_log(r"\[DEBUG\] GET /some/path$")


SOCKETS = """
def when_ready(server):
    (listener,) = server.LISTENERS
    bound = listener.getsockname()
    is_named = listener.cfg_addr == bound and listener.fileno() > 2
    server.log.info("listens at %s %s", listener, is_named)
    server.log.info("%s %s %s", server.master_name, server.master_pid, server.pidfile)
"""


def test_what_the_server_listens_at(serve: Serve, hooks: Hooks, folder: Path) -> None:
    """server.LISTENERS and what else the server says of itself."""
    hooks.configure(SOCKETS)
    server = serve("trouble:app", cwd=folder)
    server.wait_for_log(rf"listens at {server.url} True")
    server.wait_for_log("Master 0 None")


# ---- what hooks are given -------------------------------------------------------------------

IN_THE_ARBITER = """
def when_ready(server):
    app = server.app
    try:
        app.wsgi()
    except RuntimeError as error:
        server.log.info("refused: %s", error)
    server.log.info("%s %s %s", app.app_uri, app.cfg is server.cfg, app.callable)
    server.log.info("%s %s", server.worker_class.__name__, server.reexec_pid)
"""

IN_A_WORKER = """
import sys

def pre_fork(server, worker):
    server.log.info("before: %s %s", worker.app is server.app, worker.sockets == server.LISTENERS)

def post_worker_init(worker):
    worker.log.info("loaded: %s", worker.app.wsgi() is worker.wsgi is worker.app.callable)
    worker.log.info("at: %s", *map(str, worker.sockets))
    worker.log.info("without a limit: %s", worker.max_requests == sys.maxsize)
"""


@pytest.mark.parametrize("more", [[], ["--preload"]])
def test_what_is_served(serve: Serve, folder: Path, more: list[str]) -> None:
    """server.app and worker.app say what is served; the arbiter does not import it."""
    (folder / "winghorn.conf.py").write_text(IN_THE_ARBITER + IN_A_WORKER)
    server = serve("trouble:app", *more, cwd=folder)
    server.wait_for_log("refused: the arbiter does not import the application")
    server.wait_for_log("trouble:app True None")
    server.wait_for_log("SyncWorker 0")
    server.wait_for_log("before: True True")
    server.wait_for_log("loaded: True")
    server.wait_for_log(rf"at: {server.url}$")
    server.wait_for_log("without a limit: True")
    assert ask(server.address, GET).status == 200


REQUESTS = """
def pre_request(worker, req):
    if req.query == "close":
        req.force_close()
    words = [req.path, req.fragment, req.version, req.trailers, req.should_close()]
    worker.log.info("before: %s", words)
    worker.log.info("by proxy: %s", req.proxy_protocol_info)

def post_request(worker, req, environ, resp):
    worker.log.info("after: %s %s", resp.status_code, resp.response_length)
"""


def test_what_is_said_of_requests(serve: Serve, folder: Path) -> None:
    """The parts of the target, what a proxy has said, and that the connection is to be closed."""
    (folder / "winghorn.conf.py").write_text(REQUESTS)
    server = serve("trouble:app", "--proxy-protocol", "v1", cwd=folder)
    proxied = "PROXY TCP4 192.0.2.7 192.0.2.8 4000 80\r\n"
    with server.client() as client:
        client.send(f"{proxied}GET http://test/hello?a#b HTTP/1.1\r\nHost: test\r\n\r\n")
        assert client.read_response().get("Connection") == "keep-alive"
        server.wait_for_log(r"before: \['/hello', 'b', \(1, 1\), \[\], False\]$")
        server.wait_for_log(r"by proxy: {'proxy_protocol': 'TCP4', 'client_addr': '192.0.2.7', ")
        server.wait_for_log(r"after: 200 \d+$")
        client.send("GET /hello?close HTTP/1.1\r\nHost: test\r\n\r\n")
        assert client.read_response().get("Connection") == "close"
        assert client.closed_cleanly()
    old = "GET /hello HTTP/1.0\r\nHost: test\r\n\r\n"
    assert ask(server.address, proxied + old).status == 200
    server.wait_for_log(r"before: \['/hello', '', \(1, 0\), \[\], True\]$")


def test_sockets_of_a_worker_that_has_its_own(serve: Serve, folder: Path) -> None:
    """With reuse_port worker.sockets are the worker's; the arbiter listens at none."""
    (folder / "winghorn.conf.py").write_text(
        "def when_ready(server): server.log.info('arbiter: %s', server.LISTENERS)\n"
        "def post_fork(server, worker): worker.log.info('at: %s', *map(str, worker.sockets))\n"
    )
    server = serve("trouble:app", "--reuse-port", cwd=folder)
    server.wait_for_log(r"arbiter: \[\]")
    server.wait_for_log(rf"at: {server.url}$")


def test_number_of_workers_set_by_a_hook(serve: Serve, hooks: Hooks, folder: Path) -> None:
    """server.num_workers may be set while the server starts, and later with wakeup()."""
    hooks.configure("""
import threading

def when_ready(server):
    server.num_workers = 3
    def later():
        while len(server.WORKERS) < 3: pass
        server.num_workers = 2
        server.wakeup()
    threading.Thread(target=later, daemon=True).start()
""")
    server = serve("trouble:app", cwd=folder, workers=2)
    wait_until(lambda: "child_exit" in hooks.names(), "one of three leaves")
    server.wait_for_workers(2)
    counts = [line for line in hooks.lines() if line.startswith("nworkers_changed")]
    assert [line.split()[2:] for line in counts] == [["1", "None"], ["3", "1"], ["2", "3"]]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        ("-1", "-1 workers cannot be wanted"),
        ("2**31", "2147483648 workers cannot be wanted"),
        ("2.5", "'float' object cannot be interpreted as an integer"),
        ("100000", "A hook wants 100000 workers: there are "),
    ],
)
def test_number_of_workers_that_cannot_be(
    serve: Serve, folder: Path, count: str, said: str
) -> None:
    """What is no number of workers is an exception in the hook; too many are cut, and said."""
    (folder / "winghorn.conf.py").write_text(
        f"def on_reload(server):\n    server.num_workers = {count}\n"
    )
    server = serve("trouble:app", cwd=folder)
    server.signal(signal.SIGHUP)
    server.wait_for_log(said)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


def test_worker_may_say_that_it_gets_on(serve: Serve, folder: Path) -> None:
    """worker.notify(): the timeout of a sync worker begins anew; who is silent is ended."""
    (folder / "long.py").write_text("""
import time

worker = None

def app(environ, start_response):
    until = time.monotonic() + 4
    while time.monotonic() < until:
        if environ["PATH_INFO"] == "/telling":
            worker.notify()
    start_response("200 OK", [])
    return [b"done"]
""")
    (folder / "winghorn.conf.py").write_text(
        "def post_worker_init(worker):\n    import long\n    long.worker = worker\n"
    )
    server = serve("long:app", "--timeout", "2", cwd=folder)
    reply = ask(server.address, b"GET /telling HTTP/1.1\r\nHost: test\r\n\r\n")
    assert (reply.status, reply.body) == (200, b"done")
    assert "TIMEOUT" not in server.log.text
    assert ask(server.address, b"GET /silent HTTP/1.1\r\nHost: test\r\n\r\n").status == 504
