# SPDX-License-Identifier: MIT
"""The arbiter as hooks see it, and the calls of the hooks.

The arbiter is C++; it tells the one Server object of its process what happens, in gunicorn's order.
A hook that raises while the server starts stops it (status 1); later the exception is logged, and
the server goes on. A worker has a copy of all this from the moment it was forked.
"""

from __future__ import annotations

import logging
import operator
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from winghorn import _core, app_loader, log_bridge
from winghorn.app_loader import BootError, explanation
from winghorn.config import Config, config_of, rows
from winghorn.fork_safety import new_threads, thread_count
from winghorn.hook_objects import ListeningSocket, Pidfile, Served, Worker
from winghorn.reloader import Reloader
from winghorn.request_hooks import RequestHooks

if TYPE_CHECKING:
    from winghorn._core import Given, Settings, SocketDescription
    from winghorn.glogging import Logger
    from winghorn.python_log import PythonLog

    Log = Logger | log_bridge.Logger


@dataclass(frozen=True)
class Generation:
    """One version of the settings: as C++ reads them, and as hooks do.

    `python_log` is there when the log goes through Python's logging.
    """

    settings: Settings
    cfg: Config
    python_log: PythonLog | None = None

    @classmethod
    def of(cls, settings: Settings, given: list[Given]) -> Generation:
        """What `settings` were made of: `given`, in ascending precedence."""
        cfg = config_of(settings, given)
        if not settings.logs_by_python:
            return cls(settings, cfg)
        from winghorn.python_log import PythonLog  # with all that it needs, a MiB in each worker

        return cls(settings, cfg, PythonLog(cfg))

    def take_log(self) -> Log:
        """The logger for hooks, once the log is open; applications find it by its name."""
        if self.python_log is not None:
            assert self.python_log.logger is not None
            return self.python_log.logger
        log_bridge.install(_core.say, _core.log_level(), _core.say_access)
        return log_bridge.Logger()


# How an arbiter is told of sockets: by the one that it follows (src/supervisor/succession.h), by
# systemd.
SOCKET_VARIABLES = (
    *("GUNICORN_PID", "GUNICORN_FD", "WINGHORN_LISTENERS"),
    *("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"),
)


# What a hook may want; how many there can be is less, and the arbiter says so.
MOST_WORKERS = 2**31 - 1


@dataclass(frozen=True)
class Start:
    """Where and with which environment the program was started; an upgrade starts it so again."""

    directory: str
    environment: dict[str, str]

    @classmethod
    def here(cls, directory: str) -> Start:
        """As it is now: call this before a configuration is read, which may change both."""
        return cls(directory, dict(os.environ))


class Server:
    """gunicorn's Arbiter, as far as hooks look at it.

    `load` reads the configuration again, for HUP; it raises what is wrong. `load_application` is
    what a worker calls to have its application. `app` is the program that serves by itself, if it
    is one. A hook may set `num_workers`: so many there are from then on, until HUP.
    """

    WORKER_BOOT_ERROR = app_loader.WORKER_FAILED_TO_BOOT
    APP_LOAD_ERROR = app_loader.APP_FAILED_TO_LOAD

    def __init__(
        self,
        generation: Generation,
        load: Callable[[], Generation],
        load_application: Callable[[Settings], app_loader.Application] | None = None,
        start: Start | None = None,
        app: Any = None,
    ) -> None:
        start = start or Start.here(generation.settings.chdir)
        self.generation = generation
        self.cfg = generation.cfg
        self.log: Log = log_bridge.Logger()
        self.pid: int = 0
        self.WORKERS: dict[int, Worker] = {}
        self.LISTENERS: list[ListeningSocket] = []
        self.systemd = os.environ.get("LISTEN_PID") == str(os.getpid())
        elder = os.environ.get("GUNICORN_PID", "")
        self.master_pid = int(elder) if elder.isdigit() else 0  # whom this one will follow
        # Python's own options belong to it: of "python -m winghorn", sys.argv has lost the "-m".
        self.START_CTX: dict[str | int, Any] = {
            "args": [sys.executable, *sys.orig_argv[1:]],
            "cwd": start.directory,
            0: sys.executable,
        }
        self.reexec_pid = 0  # of the arbiter that is to follow this one
        self.worker_age = 0
        self.newborn: Worker | None = None  # between pre_fork and the fork
        self._num_workers = 0
        self._wanted: int | None = None  # what a hook wants, and C++ does not know yet
        self._is_zygote = False  # or a worker of one
        self._mistyped: list[str] = []  # files of the application, with a syntax error
        self._environment = start.environment
        self._load = load
        self._load_application = load_application or app_loader.load_application
        self._served = Served(self, lambda: self._load_or_explain(self._loads))
        self._loads = generation  # whose application this process loads
        self.app = self._served if app is None else app

    @property
    def address(self) -> list[str | int | tuple[str, int]]:
        """Where it listens, as configured: paths, descriptors, hosts with ports."""
        return self.cfg.address

    @property
    def num_workers(self) -> int:
        """How many workers are wanted."""
        return self._num_workers

    @num_workers.setter
    def num_workers(self, count: int) -> None:
        count = operator.index(count)
        if not 0 <= count <= MOST_WORKERS:
            raise ValueError(f"{count} workers cannot be wanted")
        before, self._num_workers, self._wanted = self._num_workers, count, count
        self._run("nworkers_changed", self, count, before)

    @property
    def worker_class(self) -> type[Worker]:
        """The class that stands for the setting worker_class."""
        from winghorn.worker_classes import BY_NAME

        return BY_NAME[self.cfg.worker_class_str]

    @property
    def timeout(self) -> int:
        """The setting timeout, in seconds."""
        return int(self.cfg.timeout)

    @property
    def master_name(self) -> str:
        """Master; Master.2 while there is an arbiter that this one will follow."""
        return "Master.2" if self.master_pid and os.getppid() == self.master_pid else "Master"

    @property
    def pidfile(self) -> Pidfile | None:
        """The file that holds the arbiter's pid, if there is one."""
        if not self.cfg.pidfile:
            return None
        return Pidfile(self.cfg.pidfile + self.master_name.removeprefix("Master"))

    @property
    def proc_name(self) -> str:
        """The name in process titles."""
        return self.cfg.proc_name

    def kill_worker(self, pid: int, sig: int = signal.SIGTERM) -> None:
        """Send a signal to a worker; one that is gone already is none to complain about."""
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            self.WORKERS.pop(pid, None)

    def kill_workers(self, sig: int = signal.SIGTERM) -> None:
        """Send a signal to all workers."""
        for pid in list(self.WORKERS):
            self.kill_worker(pid, sig)

    def wakeup(self) -> None:
        """Have the arbiter look at once what there is to do. From any thread, in its process."""
        os.kill(self.pid, signal.SIGCHLD)

    # ---- what the arbiter tells (src/python/module/serving.cc)

    def reload(self) -> Generation:
        """The configuration, read again. Raises what is wrong with it."""
        generation = self._load()
        for name, row in rows().items():
            was, will_be = self.cfg.settings[name].value, generation.cfg.settings[name].value
            if row["needs_restart"] and was != will_be:
                self.log.warning("setting %r has changed, which takes effect after a restart", name)
        return generation

    def adopt(self, generation: Generation) -> None:
        """From now on new workers are of this generation; its log is open."""
        self.generation = generation
        self.cfg = generation.cfg
        self.log = generation.take_log()

    def start_again(self, variables: dict[str, str]) -> None:
        """Become the arbiter that is to follow this one; returns if that fails, with a log line."""
        if not self._run("pre_exec", self):
            return
        start = self.START_CTX
        try:
            os.chdir(start["cwd"])
            os.execve(start[0], start["args"], self._environment | variables)
        except OSError as error:
            self.log.error("Can't start a new master: %s", error)

    def starting(self) -> bool:
        """Before sockets are opened. False: a hook has stopped the start."""
        for name in SOCKET_VARIABLES:  # C++ has read them
            os.environ.pop(name, None)
        self.pid = os.getpid()
        if self.log.error_log.isEnabledFor(logging.DEBUG):
            lines = (f"  {name}: {setting.value}" for name, setting in self.cfg.settings.items())
            self.log.debug("%s", "\n".join(("Current configuration:", *lines)))
        if self.cfg.reload:
            self.log.warning("Reloader is on. Use in development only!")
        return self._run("on_starting", self)

    def listening(self, sockets: list[SocketDescription]) -> None:
        """These are open, and listen; none of them when workers have their own."""
        self.LISTENERS = [ListeningSocket.of(one) for one in sockets]

    def ready(self) -> bool:
        """Sockets are open, and no worker is forked yet."""
        return self._run("when_ready", self)

    def count_changed(self, now: int, before: int | None) -> bool:
        """How many workers are wanted has been set."""
        self._num_workers = now
        return self._run("nworkers_changed", self, now, before)

    def workers_wanted(self) -> int | None:
        """How many workers a hook wants, told once; None: as before."""
        wanted, self._wanted = self._wanted, None
        return wanted

    def heir_changed(self, pid: int) -> None:
        """USR2 has started the arbiter that is to follow this one; 0: that one is gone."""
        self.reexec_pid = pid

    def before_fork(self, generation: Generation, age: int) -> None:
        """A worker is about to be forked: from here, or with preload_app by the zygote.

        pre_fork is called where the fork is, since it may have to do with the application.
        """
        self.worker_age = age
        sockets = self.LISTENERS
        self.newborn = Worker(age, self.pid, generation, self.log, self.app, sockets)
        if not generation.cfg.preload_app or self._is_zygote:
            self._run("pre_fork", self, self.newborn, of=generation.cfg)

    def forked(self, pid: int) -> None:
        """It was forked; 0: it could not be."""
        if pid > 0 and self.newborn is not None:
            self.newborn.pid = pid
            self.WORKERS[pid] = self.newborn
            self._measure_workers()
        self.newborn = None

    def gone(self, pid: int) -> None:
        """A worker has ended."""
        worker = self.WORKERS.pop(pid, None)
        if worker is not None:
            self._measure_workers()
            self._run("child_exit", self, worker, of=worker.cfg)

    def reloaded(self) -> None:
        """The settings of HUP hold, and none of their workers is forked yet."""
        self._run("on_reload", self)

    def stopped(self) -> None:
        """The last step of a stop."""
        self._run("on_exit", self)

    # ---- in the zygote

    def preload(self, generation: Generation) -> None:
        """Import the application for all workers to come. Raises BootError."""
        self.log = generation.take_log()
        before = thread_count()
        self._is_zygote = True
        self._loads = generation
        self._served.wsgi()
        name = generation.settings.paste or generation.settings.wsgi_app
        what = f"application {name!r}" if name else "the application"
        for warning in new_threads(before, what):
            self.log.warning("%s", warning)

    # ---- in a worker

    def enter_worker(self, sockets: list[SocketDescription]) -> None:
        """The first Python of a new worker; a hook that raises is a boot that failed."""
        worker = self._self()
        worker.sockets = [ListeningSocket.of(one) for one in sockets]
        self._loads = worker.generation
        worker.pid = os.getpid()
        worker.log = worker.generation.take_log()
        if worker.generation.python_log is not None:
            worker.generation.python_log.enter_worker()
        hook = worker.cfg.post_fork
        if hook is not None:
            hook(self, worker)

    def load_application(self, settings: Settings) -> app_loader.Application:
        """Import the application. Raises BootError, or what post_worker_init raises."""
        worker = self._self()
        worker.wsgi = self._served.wsgi()
        if worker.cfg.reload:
            self._watch_files(settings)
        hook = worker.cfg.post_worker_init
        if hook is not None:
            hook(worker)
        worker.booted = True
        return worker.wsgi

    def request_limit(self) -> int:
        """After how many requests the worker is to be replaced; 0: never."""
        limit = int(self._self().max_requests)
        return limit if 0 < limit < sys.maxsize else 0

    def _load_or_explain(self, generation: Generation) -> app_loader.Application:
        """The application; with `reload` a slip while typing is a page that shows it, no outage.

        Where an older generation serves it goes on, which is better than such a page.
        """
        try:
            return self._load_application(generation.settings)
        except BootError as error:
            if not generation.cfg.reload or not error.mistyped or self._is_on_trial():
                raise
            self.log.error("%s", error.text)
            self._mistyped = [error.mistyped]
            return explanation(error.text)

    @staticmethod
    def _is_on_trial() -> bool:
        """Whether workers live that are not of this process's generation; a zygote has no own."""
        generations = {row["pid"]: row["generation"] for row in _core.status()}
        own = generations.get(os.getpid())
        return any(generation != own for generation in generations.values())

    def _watch_files(self, settings: Settings) -> None:
        """Have the arbiter reload when a file changes: code that does not load replaces nobody."""
        worker = self._self()

        def changed(path: str) -> None:
            worker.log.info("Worker reloading: %s modified", path)
            self._watch_files(settings)  # this worker stays if the new code is of no use
            _core.ask_for_reload()

        extra = [*settings.reload_extra_files, *self._mistyped]
        engine = worker.cfg.reload_engine
        worker.reloader = Reloader(changed, extra, engine)
        worker.reloader.start()

    def request_hooks(self) -> RequestHooks | None:
        """What is called around each request; None when there is nothing to call."""
        worker = self._self()
        hooks = (worker.cfg.pre_request, worker.cfg.post_request)
        if hooks == (None, None) and not self.log.error_log.isEnabledFor(logging.DEBUG):
            return None
        return RequestHooks(worker)

    def leave_worker(self, quickly: bool, aborted: bool) -> None:
        """The last Python of a worker; called once."""
        worker = self._self()
        worker.alive = False
        worker.aborted = aborted
        if quickly:
            self._run("worker_int", worker, of=worker.cfg)
        if aborted:
            self._run("worker_abort", worker, of=worker.cfg)
        self._run("worker_exit", self, worker, of=worker.cfg)

    def has_farewell(self) -> bool:
        """Whether there is anything for leave_worker() to do."""
        cfg = self._self().cfg
        return any((cfg.worker_int, cfg.worker_abort, cfg.worker_exit))

    def measure_backlog(self, waiting: int) -> None:
        """So many connections wait in the kernel; told each second when statsd wants to know."""
        if self.generation.python_log is not None:
            self.generation.python_log.measure_backlog(waiting)

    def _measure_workers(self) -> None:
        if self.generation.python_log is not None:
            self.generation.python_log.measure_workers(len(self.WORKERS))

    def _self(self) -> Worker:
        assert self.newborn is not None
        return self.newborn

    def _run(self, name: str, *arguments: object, of: Config | None = None) -> bool:
        hook = getattr(self.cfg if of is None else of, name)
        if hook is None:
            return True
        try:
            hook(*arguments)
        except Exception:
            self.log.error("Exception in %s hook\n%s", name, traceback.format_exc().rstrip())
            return False
        return True
