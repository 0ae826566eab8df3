# SPDX-License-Identifier: MIT
"""Processes: start and stop, signals, hooks, the pid file, listening, the logs of it all."""

from __future__ import annotations

import signal
from signal import SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGWINCH

from tests.parity.scenario import (
    AskUntil,
    Finish,
    Get,
    Job,
    Look,
    Move,
    Scenario,
    Signal,
    Start,
    Step,
    WaitExit,
    WaitFile,
    WaitLog,
    WaitWorkers,
    Write,
)

FILE = "gunicorn.conf.py"
LOGS = ("exit", "stdout", "arbiter", "workers")
UP = WaitWorkers(1, 1)
TWO = WaitWorkers(2, 2)
GET = Get("/empty")


def run(
    name: str,
    section: str,
    *steps: Step,
    args: tuple[str, ...] = (),
    file: str = "",
    files: dict[str, str] | None = None,
    compare: tuple[str, ...] = LOGS,
    settings: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
    app: str | None = "app:app",
) -> Scenario:
    """A served scenario with a configuration file."""
    more = {FILE: file} if file else {}
    return Scenario(
        name, section, args, app, {**(files or {}), **more}, env or {}, steps, compare, settings
    )


def ended(name: str, section: str, *args: str, **more: str) -> Scenario:
    """A start that fails by itself."""
    files = {FILE: more["file"]} if "file" in more else {}
    return Scenario(name, section, args, files=files, compare=LOGS)


def _signals() -> list[Scenario]:
    stops = (SIGTERM, SIGINT, SIGQUIT)
    threads = ("--threads", "2")
    found = [run(f"stop: {s.name}", "3.6", UP, GET, Signal(s), WaitExit()) for s in stops]
    found += [
        run(f"stop: {s.name}, threads", "3.6", UP, GET, Signal(s), WaitExit(), args=threads)
        for s in stops
    ]
    found += [
        run(f"stop: {s.name}, two workers", "3.6", TWO, Signal(s), WaitExit(), args=("-w", "2"))
        for s in stops
    ]
    busy = (UP, Start("/wait"), WaitFile("trace", "waiting"))
    for s in stops:
        for kind, args in (("", ()), (", threads", threads)):
            seen = WaitLog(f"Handling signal: {s.name[3:].lower()}")
            steps = (*busy, Signal(s), seen, Write("go", ""), Finish(), WaitExit())
            found.append(run(f"stop during a request: {s.name}{kind}", "3.9", *steps, args=args))
    return [
        *found,
        run("stop: graceful_timeout passes", "3.6", *busy, Signal(SIGTERM), WaitExit(), args=("--graceful-timeout", "1"), settings=("graceful_timeout",)),
        run("HUP", "3.7", UP, Signal(SIGHUP), WaitWorkers(1, 2), GET),
        run("HUP, two workers", "3.7", TWO, Signal(SIGHUP), WaitWorkers(2, 4), GET, args=("-w", "2")),
        run("HUP with more workers", "3.7", UP, Write(FILE, "workers = 2\n"), Signal(SIGHUP), WaitWorkers(2, 3), file="workers = 1\n"),
        run("HUP with fewer workers", "3.7", TWO, Write(FILE, "workers = 1\n"), Signal(SIGHUP), WaitWorkers(1, 3), file="workers = 2\n", settings=("workers",)),
        run("HUP with another environment", "3.7", UP, Get("/variable?A"), Write(FILE, "raw_env = ['B=2']\n"), Signal(SIGHUP), WaitWorkers(1, 2), Get("/variable?A"), Get("/variable?B"), file="raw_env = ['A=1']\n"),
        run("HUP with another level", "3.7", UP, Write(FILE, "loglevel = 'warning'\n"), Signal(SIGHUP), WaitWorkers(1, 2), file="loglevel = 'info'\n"),
        run("HUP with new code", "3.7", UP, Get("/"), Write("code.py", CODE.format("new")), Signal(SIGHUP), WaitWorkers(1, 2), Get("/"), app="code:app", files={"code.py": CODE.format("old code")}),
        run("HUP with a bad file", "3.7", UP, Write(FILE, "workers = -1\n"), Signal(SIGHUP), WaitLog("Value must be positive"), file="workers = 1\n"),
        run("HUP with an address that is none", "3.7", UP, Write(FILE, "reload_engine = 'none'\n"), Signal(SIGHUP), WaitLog("Invalid reload_engine")),
        run("HUP during a request", "3.7", UP, Start("/wait"), WaitFile("trace", "waiting"), Signal(SIGHUP), WaitLog("Booting worker", 2), Write("go", ""), Finish(), WaitWorkers(1, 2)),
        run("TTIN", "3.6", UP, Signal(SIGTTIN), TWO),
        run("TTIN and TTOU", "3.6", UP, Signal(SIGTTIN), TWO, Signal(SIGTTOU), WaitWorkers(1, 2), GET),
        run("TTOU with one worker", "3.6", UP, Signal(SIGTTOU), WaitLog("Handling signal: ttou"), GET),
        run("TTIN and HUP", "3.7", UP, Signal(SIGTTIN), TWO, Signal(SIGHUP), WaitWorkers(1, 3)),
        run("WINCH", "3.6", UP, Signal(SIGWINCH), WaitLog("Handling signal: winch"), GET),
        run("no workers", "3.5", WaitLog("Using worker"), args=("-w", "0")),
        run("no workers, then one", "3.6", WaitLog("Using worker"), Signal(SIGTTIN), UP, GET, args=("-w", "0")),
        run("USR1", "9.1", UP, Move("error.log", "error.old"), Signal(SIGUSR1), WaitFile("error.log"), Signal(SIGTTOU), WaitFile("error.log", "Handling signal: ttou"), args=("--error-logfile", "error.log"), settings=("errorlog",)),
        run("USR1, access log", "9.1", UP, GET, WaitFile("access.log", "GET"), Move("access.log", "access.old"), Signal(SIGUSR1), AskUntil("/empty", "access.log", "GET"), args=("--access-logfile", "access.log"), settings=("accesslog",)),
    ]  # fmt: skip


CODE = """
def app(environ, start_response):
    body = b"{}"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def _workers() -> list[Scenario]:
    names = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGKILL", "SIGABRT", "SIGHUP", "SIGUSR2", "SIGALRM")
    found = [
        run(
            f"worker gets {n}",
            "3.9",
            UP,
            GET,
            Signal(signal.Signals[n], worker=True),
            WaitWorkers(1, 2),
            GET,
        )
        for n in names
    ]
    found += [
        run(
            f"worker gets {n} during a request",
            "3.9",
            UP,
            Start(f"/kill_self?{signal.Signals[n].value}"),
            WaitWorkers(1, 2),
            Finish(),
        )
        for n in ("SIGKILL", "SIGSEGV", "SIGABRT")
    ]
    return [
        *found,
        run("worker gets SIGWINCH", "3.9", UP, Signal(SIGWINCH, worker=True), GET, GET),
        run("worker gets SIGUSR1", "3.9", UP, Signal(SIGUSR1, worker=True), GET, GET),
        run("max_requests", "3.5", UP, GET, GET, WaitWorkers(1, 2), GET, args=("--max-requests", "2"), settings=("max_requests", "max_requests_jitter")),
        run("max_requests, threads", "3.5", UP, GET, GET, WaitWorkers(1, 2), GET, args=("--max-requests", "2", "--threads", "2")),
        run("timeout", "3.5", UP, Start("/wait"), WaitWorkers(1, 2), Finish(), args=("--timeout", "1"), settings=("timeout",)),
        run("worker temporary folder", "1.4", UP, GET, args=("--worker-tmp-dir", "/dev/shm"), settings=("worker_tmp_dir",)),
        run("worker temporary folder that is not there", "1.4", WaitExit(), args=("--worker-tmp-dir", "/no/such/folder")),
        run("connections", "7.3", UP, GET, args=("--worker-connections", "5", "--threads", "2"), settings=("worker_connections", "threads")),
        run("gthread by name", "7.3", UP, GET, args=("-k", "gthread"), settings=("worker_class",)),
        run("sync by name", "7.2", UP, GET, args=("-k", "sync")),
        run("sync with threads", "7.2", UP, GET, args=("-k", "sync", "--threads", "2")),
        run("class that is not there", "1.2", WaitExit(), args=("-k", "no.such.Class")),
        run("class that is unknown", "1.2", WaitExit(), args=("-k", "nonsense")),
        run("process name", "1.4", UP, GET, args=("-n", "shop"), settings=("proc_name", "default_proc_name")),
    ]  # fmt: skip


HOOKS = """
import os
ARBITER = os.getpid()

def trace(name, *more):
    who = "arbiter" if os.getpid() == ARBITER else "worker"
    with open(os.path.join(os.environ["PARITY_FOLDER"], "trace"), "a") as file:
        file.write(" ".join([who, name, *map(str, more)]) + "\\n")

ready = post_worker_init

def on_starting(server): trace("on_starting", server.num_workers)
def on_reload(server): trace("on_reload", server.num_workers)
def when_ready(server): trace("when_ready", len(server.WORKERS), server.pid == os.getpid())
def pre_fork(server, worker): trace("pre_fork", worker.age, worker.pid, server.num_workers, worker.booted)
def post_fork(server, worker): trace("post_fork", worker.age, worker.pid == os.getpid(), worker.ppid == ARBITER, worker.timeout)
def post_worker_init(worker):
    trace("post_worker_init", worker.age, worker.alive, worker.booted, worker.nr, callable(worker.wsgi))
    ready(worker)
def worker_int(worker): trace("worker_int", worker.age)
def worker_abort(worker): trace("worker_abort", worker.age)
def pre_request(worker, req): trace("pre_request", req.method, req.path, req.query, req.uri, req.version, req.headers)
def post_request(worker, req, environ, resp): trace("post_request", req.path, environ["PATH_INFO"], resp.status, resp.sent, worker.nr)
def child_exit(server, worker): trace("child_exit", worker.age, worker.pid > 1)
def worker_exit(server, worker): trace("worker_exit", worker.age, worker.alive)
def nworkers_changed(server, new, old): trace("nworkers_changed", new, old)
def on_exit(server): trace("on_exit", len(server.WORKERS))
"""
ALL_HOOKS = (
    "on_starting", "on_reload", "when_ready", "pre_fork", "post_fork", "post_worker_init",
    "worker_int", "worker_abort", "pre_request", "post_request", "child_exit", "worker_exit",
    "nworkers_changed", "on_exit",
)  # fmt: skip


def _hooks() -> list[Scenario]:
    def traced(name: str, *steps: Step, args: tuple[str, ...] = ()) -> Scenario:
        return run(
            f"hooks: {name}",
            "4",
            *steps,
            args=args,
            file=HOOKS,
            compare=("exit", "trace"),
            settings=ALL_HOOKS,
        )

    def failing(hook: str, signature: str, *steps: Step) -> Scenario:
        text = f"def {hook}({signature}): raise RuntimeError('as asked')\n"
        return run(f"hooks: {hook} raises", "4", *steps, file=text)

    return [
        traced("start and TERM", UP),
        traced("start and INT", UP, Signal(SIGINT), WaitExit()),
        traced("start and QUIT", UP, Signal(SIGQUIT), WaitExit()),
        traced("a request", UP, Get("/empty?a=1")),
        traced("a request, threads", UP, Get("/empty?a=1"), args=("--threads", "2")),
        traced("a request that raises", UP, Get("/raises")),
        traced("a file", UP, Get("/file?2,5")),
        traced("two workers", TWO, args=("-w", "2")),
        traced("HUP", UP, Signal(SIGHUP), WaitFile("trace", "child_exit"), WaitWorkers(1, 2)),
        traced("TTIN and TTOU", UP, Signal(SIGTTIN), TWO, Signal(SIGUSR1), WaitLog("Handling signal: usr1"), Signal(SIGTTOU), WaitFile("trace", "child_exit")),
        traced("worker killed", UP, Signal(signal.SIGKILL, worker=True), WaitWorkers(1, 2)),
        traced("worker aborted", UP, Signal(signal.SIGABRT, worker=True), WaitWorkers(1, 2)),
        traced("worker interrupted", UP, Signal(SIGINT, worker=True), WaitWorkers(1, 2)),
        traced("max_requests", UP, GET, WaitFile("trace", "child_exit"), WaitWorkers(1, 2), args=("--max-requests", "1")),
        failing("pre_request", "worker, req", UP, GET),
        failing("post_request", "worker, req, environ, resp", UP, GET, GET),
        failing("worker_exit", "server, worker", UP),
        failing("worker_int", "worker", UP, Signal(SIGINT), WaitExit()),
        failing("on_exit", "server", UP),
        failing("on_reload", "server", UP, Signal(SIGHUP), WaitLog("as asked")),
        failing("pre_fork", "server, worker", WaitLog("as asked")),
        failing("nworkers_changed", "server, new, old", WaitExit()),
        failing("child_exit", "server, worker", UP, Signal(signal.SIGKILL, worker=True), WaitLog("as asked")),
        run("hooks: post_request with three", "4", UP, GET, file="def post_request(worker, req, environ):\n    open('trace', 'a').write(environ['PATH_INFO'])\n", compare=("exit", "trace")),
        run("hooks: post_request with two", "4", UP, GET, file="def post_request(worker, req):\n    open('trace', 'a').write(req.path)\n", compare=("exit", "trace")),
        run("hooks: by import", "4", UP, file="when_ready = 'hook_module.ready'\n", files={"hook_module.py": "def ready(server):\n    open('trace', 'a').write('ready')\n"}, compare=("exit", "trace")),
        run("hooks: server.LISTENERS", "4", UP, file=LISTENERS, compare=("exit", "trace")),
        run("hooks: cfg", "4", UP, file=CFG, compare=("exit", "trace")),
        run("hooks: log", "4", UP, file=LOG_HOOK),
        run("hooks: what a server says of itself", "4", UP, file=SERVER_SAYS, compare=("exit", "trace")),
        run("hooks: what a worker says of itself", "4", UP, file=WORKER_SAYS, compare=("exit", "trace")),
        run("hooks: what a request says of itself", "4", UP, Get("/empty?a=1#b"), Get("/no_read"), Get("/no/such?x=%20y"), file=REQUEST_SAYS, compare=("exit", "trace")),
        run("hooks: number of workers", "4", WaitFile("trace", "counted"), WaitWorkers(3, 3), file=COUNTED, compare=("exit", "trace")),
        run("hooks: a request that is to close", "4", UP, GET, file="def pre_request(worker, req): req.force_close()\n"),
    ]  # fmt: skip


LISTENERS = """
def when_ready(server):
    with open("trace", "a") as file:
        for listener in server.LISTENERS:
            file.write(f"{listener} {listener.getsockname()[0]} {listener.fileno() > 2}\\n")
"""
CFG = """
def when_ready(server):
    cfg = server.cfg
    seen = [cfg.workers, cfg.bind, cfg.uid, cfg.gid, cfg.env, bool(cfg.is_ssl), cfg.worker_class_str]
    seen += [cfg.proc_name, cfg.settings["workers"].get(), cfg.sendfile, cfg.threads]
    for bad in (lambda: cfg.no_such, lambda: setattr(cfg, "workers", 2)):
        try:
            bad()
        except AttributeError as error:
            seen.append(str(error))
    with open("trace", "a") as file:
        file.write("\\n".join(map(str, seen)))
"""
SERVER_SAYS = """
def when_ready(server):
    seen = [server.app.app_uri, server.worker_class.__name__, server.reexec_pid, server.master_pid]
    seen += [server.master_name, server.timeout, server.proc_name, server.num_workers]
    seen += [server.pidfile, server.systemd, server.worker_age, server.WORKERS, len(server.LISTENERS)]
    seen += [server.WORKER_BOOT_ERROR, server.APP_LOAD_ERROR, server.START_CTX["cwd"]]
    seen += [server.cfg.workers, server.app.cfg.workers]
    with open("trace", "a") as file:
        file.write("\\n".join(map(str, seen)))
"""
WORKER_SAYS = """
import os, sys

def told(worker):
    seen = [worker.age, worker.alive, worker.booted, worker.aborted, worker.nr, worker.timeout]
    seen += [worker.max_requests == sys.maxsize, worker.ppid == os.getppid(), worker.pid == os.getpid()]
    seen += [len(worker.sockets), str(worker), worker.cfg.workers]
    return seen

def pre_fork(server, worker):
    with open("trace", "a") as file:
        file.write(f"{worker.age} {worker.booted} {worker.nr} {worker.pid} {len(worker.sockets)}\\n")

def post_fork(server, worker):
    with open("trace", "a") as file:
        print(*told(worker), worker.app is server.app, file=file)

ready = post_worker_init

def post_worker_init(worker):
    ready(worker)
    worker.notify()
    worker.tmp.notify()
    with open("trace", "a") as file:
        print(*told(worker), worker.app.callable is worker.wsgi is worker.app.wsgi(), file=file)
"""
REQUEST_SAYS = """
def pre_request(worker, req):
    seen = [req.method, req.uri, req.path, req.query, req.fragment, req.version, sorted(req.headers)]
    seen += [req.trailers, req.scheme, req.remote_addr[0], req.peer_addr[0], req.req_number]
    seen += [req.must_close, req.should_close(), req.proxy_protocol_info, worker.nr]
    with open("trace", "a") as file:
        print(*seen, sep="\\n", file=file)

def post_request(worker, req, environ, resp):
    seen = [resp.status, resp.status_code, resp.headers_sent, resp.sent, resp.response_length]
    seen += [resp.req is req, worker.nr]
    with open("trace", "a") as file:
        print(*seen, sep="\\n", file=file)
"""
COUNTED = """
def when_ready(server):
    server.num_workers = 3
def nworkers_changed(server, new, old):
    with open("trace", "a") as file:
        print("counted", new, old, file=file)
"""
LOG_HOOK = """
def when_ready(server):
    server.log.info("info %s", 1)
    server.log.warning("warning %d", 2)
    server.log.error("error")
    server.log.critical("critical")
    server.log.debug("debug")
    try:
        raise ValueError("as asked")
    except ValueError:
        server.log.exception("exception")

def post_fork(server, worker):
    worker.log.info("from worker")
"""


def _pid_files() -> list[Scenario]:
    pid = ("--pid", "server.pid")

    def row(
        name: str,
        *steps: Step,
        args: tuple[str, ...] = pid,
        text: str | None = None,
        file: str = "",
    ) -> Scenario:
        files = {} if text is None else {"server.pid": text}
        return run(
            f"pid file: {name}",
            "3.4",
            *steps,
            args=args,
            files=files,
            file=file,
            settings=("pidfile",),
        )

    look = Look("server.pid")
    gone = (Signal(SIGTERM), WaitExit(), look)
    return [
        row("while it serves", UP, look),
        row("behind TERM", UP, GET, *gone),
        row("behind INT", UP, Signal(SIGINT), WaitExit(), look),
        row("stale", UP, look, text="999999\n"),
        row("no number", UP, look, text="nonsense\n"),
        row("empty", UP, look, text=""),
        row("of a living process", WaitExit(), look, text="1\n"),
        row("folder that is not there", WaitExit(), args=("--pid", "no/such/server.pid")),
        row("overwritten by another", UP, GET, Write("server.pid", "1\n"), *gone),
        row("HUP keeps it", UP, Signal(SIGHUP), WaitWorkers(1, 2), look),
        row("HUP with another name", UP, Write(FILE, "pidfile = 'other.pid'\n"), Signal(SIGHUP), WaitWorkers(1, 2), look, Look("other.pid"), args=(), file="pidfile = 'server.pid'\n"),
        row("moved away", UP, GET, Move("server.pid", "moved.pid"), *gone),
        row("the start fails", WaitExit(), look, args=(*pid, "--bind", "unix:app.py")),
    ]  # fmt: skip


def _listening() -> list[Scenario]:
    return [
        run("listen: two addresses", "3.2", UP, GET, args=("--bind", "127.0.0.2:0")),
        run("listen: the same address twice", "3.2", UP, GET, args=("--bind", "127.0.0.1:0")),
        run("listen: unix besides", "3.2", UP, Look("server.sock"), GET, args=("--bind", "unix:server.sock"), settings=("bind",)),
        run("listen: unix, gone afterwards", "3.2", UP, Signal(SIGTERM), WaitExit(), Look("server.sock"), args=("--bind", "unix:server.sock")),
        run("listen: unix with umask", "3.2", UP, Look("server.sock"), args=("--bind", "unix:server.sock", "--umask", "0077"), settings=("umask",)),
        run("listen: unix, absolute, two slashes", "3.2", UP, Look("server.sock"), args=("--bind", "unix://server.sock")),
        run("listen: backlog", "3.2", UP, GET, args=("--backlog", "5"), settings=("backlog",)),
        ended("listen: a file that is no socket", "3.2", "--bind", "unix:app.py"),
        ended("listen: folder that is not there", "3.2", "--bind", "unix:no/such/server.sock"),
        ended("listen: port that is no number", "3.2", "--bind", "127.0.0.1:http"),
        ended("listen: port beyond 65535", "3.2", "--bind", "127.0.0.1:70000"),
        ended("listen: descriptor that is no number", "3.2", "--bind", "fd://x"),
        ended("listen: address that is not ours", "3.2", "--bind", "192.0.2.1:0"),
        run("listen: HUP with another address", "3.7", UP, Write(FILE, "bind = ['unix:other.sock']\n"), Signal(SIGHUP), WaitWorkers(1, 2), Look("other.sock"), file="workers = 1\n"),
        ended("environment: a variable that is none", "1.4", "--bind", "127.0.0.1:0", "--env", "NAME"),
        run("environment: set for the application", "0", UP, Get("/variable?A"), Get("/variable?B"), args=("-e", "A=1", "-e", "B=x=y"), settings=("raw_env",)),
        run("environment: SERVER_SOFTWARE", "0", UP, Get("/variable?SERVER_SOFTWARE")),
        run("environment: the variable with arguments stays", "0", UP, Get("/variable?GUNICORN_CMD_ARGS"), env={"GUNICORN_CMD_ARGS": "-w 1"}),
        run("environment: WEB_CONCURRENCY", "0", TWO, env={"WEB_CONCURRENCY": "2"}),
        run("environment: SENDFILE", "0", UP, Get("/file?2,5"), env={"SENDFILE": "no"}, settings=("sendfile",)),
    ]  # fmt: skip


def _logs() -> list[Scenario]:
    def row(
        name: str,
        *args: str,
        steps: tuple[Step, ...] = (
            *(UP, Get("/raises"), Get("/printed"), Get("/errors"), WaitLog("three")),
        ),
        settings: tuple[str, ...] = ("loglevel",),
        file: str = "",
    ) -> Scenario:
        return run(f"logs: {name}", "9.1", *steps, args=args, settings=settings, file=file)

    return [
        row("level critical", "--log-level", "critical"),
        row("level error", "--log-level", "error"),
        row("level warning", "--log-level", "warning"),
        row("level info", "--log-level", "info"),
        row("level in capitals", "--log-level", "ERROR"),
        row("level that is unknown", "--log-level", "nonsense"),
        row("level debug", "--log-level", "debug"),
        row("access log on stdout", "--access-logfile", "-"),
        row("access log in a file", "--access-logfile", "access.log", steps=(UP, GET, WaitFile("access.log", "GET"), Look("access.log"))),
        row("access log without a folder", "--access-logfile", "no/such.log", steps=(WaitExit(),)),
        row("error log in a file", "--error-logfile", "error.log", steps=(UP, WaitFile("error.log", "Booting"))),
        row("error log without a folder", "--error-logfile", "no/such.log", steps=(WaitExit(),)),
        row("both in one file", "--error-logfile", "all.log", "--access-logfile", "all.log", steps=(UP, GET, WaitFile("all.log", "GET"))),
        row("access log format that is broken", "--access-logfile", "-", "--access-logformat", "%(h", steps=(UP, GET)),
        row("access log format without atoms", "--access-logfile", "-", "--access-logformat", "served", steps=(UP, GET)),
        row("syslog's access switch alone", "--disable-redirect-access-to-syslog", steps=(UP, GET), settings=("disable_redirect_access_to_syslog",)),
    ]  # fmt: skip


POLLED = ("--reload", "--reload-engine", "poll")


def _reloading() -> list[Scenario]:
    def row(
        name: str,
        *steps: Step,
        # Named, it is looked at from the start; else gunicorn learns of it a second later.
        args: tuple[str, ...] = (*POLLED, "--reload-extra-file", "code.py"),
        files: dict[str, str] | None = None,
    ) -> Scenario:
        return run(
            f"reloader: {name}",
            "11",
            *steps,
            args=args,
            app="code:app",
            files={"code.py": CODE.format("old code"), **(files or {})},
            settings=("reload", "reload_engine", "reload_extra_files"),
        )

    return [
        row("says that it is on", UP, Get("/")),
        row("changed code", UP, Get("/"), Write("code.py", CODE.format("new")), WaitWorkers(1, 2), Get("/")),
        row("code that does not parse", UP, Write("code.py", "def app(:\n"), WaitLog("SyntaxError")),
        row("starts with code that does not parse", WaitLog("SyntaxError"), files={"code.py": "def app(:\n"}),
        row("an extra file", UP, Write("extra.txt", "changed"), WaitWorkers(1, 2), Get("/"), args=(*POLLED, "--reload-extra-file", "extra.txt"), files={"extra.txt": "x"}),
    ]  # fmt: skip


def jobs() -> list[Job]:
    """One run of the program each."""
    return [
        *_signals(),
        *_workers(),
        *_hooks(),
        *_pid_files(),
        *_listening(),
        *_logs(),
        *_reloading(),
    ]
