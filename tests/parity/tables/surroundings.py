# SPDX-License-Identifier: MIT
"""What a server has to do with: syslog, statsd, systemd, Paste files, programs around it, users.

And what becomes of it there: daemons, upgrades, preloading, listeners of each worker.
"""

from __future__ import annotations

from dataclasses import replace
from signal import SIGHUP, SIGKILL, SIGTERM, SIGUSR2, SIGWINCH

from tests.parity.scenario import (
    Follow,
    Get,
    Job,
    Look,
    Scenario,
    Signal,
    Step,
    WaitExit,
    WaitFile,
    WaitHeard,
    WaitLog,
    WaitWorkers,
    Write,
)
from tests.parity.tables.processes import CODE, GET, LOGS, TWO, UP, run

HEARD = ("exit", "heard")


# ---- networks of logs and metrics ----


def _syslog() -> list[Scenario]:
    def row(name: str, *args: str, pattern: str = "Booting worker") -> Scenario:
        settings = ("syslog", "syslog_addr", "syslog_prefix", "syslog_facility")
        steps = (UP, GET, Get("/raises"), WaitHeard(pattern), WaitHeard("as asked"))
        everything = ("--log-syslog", *args)
        return run(
            f"syslog: {name}", "9.4", *steps, args=everything, compare=HEARD, settings=settings
        )

    udp = ("--log-syslog-to", "udp://127.0.0.1:HEARD_PORT")
    return [
        row("UDP", *udp, pattern="GET /empty"),
        row("Unix socket", "--log-syslog-to", "unix://HEARD_PATH#dgram", pattern="GET /empty"),
        row("Unix socket of either kind", "--log-syslog-to", "unix://HEARD_PATH", pattern="GET /empty"),
        row("prefix", *udp, "--log-syslog-prefix", "shop"),
        row("facility", *udp, "--log-syslog-facility", "local3"),
        row("without the access log", *udp, "--disable-redirect-access-to-syslog"),
        row("name of the process", *udp, "--name", "shop:one"),
        row("level", *udp, "--log-level", "error", pattern="as asked"),
    ]  # fmt: skip


def _statsd() -> list[Scenario]:
    def row(name: str, *args: str, to: str = "127.0.0.1:HEARD_PORT", file: str = "", pattern: str = r"status\.200") -> Scenario:  # fmt: skip
        settings = ("statsd_host", "statsd_prefix", "dogstatsd_tags", "enable_backlog_metric")
        steps = (UP, GET, WaitHeard(pattern), Get("/raises"), WaitHeard(r"status\.500"))
        everything = ("--statsd-host", to, *args)
        return run(f"statsd: {name}", "9.5", *steps, args=everything, compare=HEARD, settings=settings, file=file)  # fmt: skip

    return [
        row("each request"),
        row("prefix", "--statsd-prefix", "shop"),
        row("prefix with a dot", "--statsd-prefix", "shop."),
        row("tags", "--dogstatsd-tags", "a:b,c"),
        row("with an access log", "--access-logfile", "access.log"),
        row("Unix socket", to="unix://HEARD_PATH"),
        row("metrics of a hook", file=METRICS, pattern=r"shop\.orders"),
        row("backlog", "--enable-backlog-metric", pattern="backlog"),
    ]


METRICS = """
def when_ready(server):
    for kind in ("counter", "gauge", "histogram", "timer", "nonsense"):
        server.log.info("", extra={"metric": "shop." + kind, "value": 3, "mtype": kind})
    server.log.info("said", extra={"metric": "shop.orders", "value": 3, "mtype": "counter"})
    server.log.warning("a warning")
    server.log.critical("critical")
    server.log.exception("an exception")
"""


# ---- systemd ----


def _systemd() -> list[Scenario]:
    def row(name: str, *steps: Step, args: tuple[str, ...] = (), env: dict[str, str] | None = None, compare: tuple[str, ...] = LOGS) -> Scenario:  # fmt: skip
        return run(f"systemd: {name}", "3.3", *steps, args=args, env=env, compare=compare)

    def passed(scenario: Scenario) -> Scenario:
        return replace(scenario, passes=True)

    notify = {"NOTIFY_SOCKET": "HEARD_PATH"}
    environ = (Get("/variable?LISTEN_PID"), Get("/variable?LISTEN_FDS"))
    return [
        passed(row("passed socket", UP, GET)),
        passed(row("passed socket wins over bind", UP, GET, args=("--bind", "127.0.0.1:0"))),
        passed(row("passed socket, seen by the application", UP, *environ)),
        passed(row("passed socket, HUP", UP, Signal(SIGHUP), WaitWorkers(1, 2), GET)),
        row("descriptor that is not open", WaitExit(), args=("--bind", "fd://77")),
        row("told when it serves", UP, WaitHeard("READY=1"), env=notify, compare=HEARD),
        row("nobody listens there", UP, GET, env={"NOTIFY_SOCKET": "/nowhere/at/all"}),
    ]  # fmt: skip


# ---- Paste ----

SITE = """
def factory(global_conf, **local_conf):
    text = " ".join([local_conf["greeting"], global_conf.get("who", "nobody")])

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(text)))])
        return [text.encode()]

    return app
"""
INI = """
[app:main]
paste.app_factory = site_of_paste:factory
greeting = hello

[app:other]
paste.app_factory = site_of_paste:factory
greeting = welcome

[server:main]
use = egg:PRODUCT#main
workers = 2
proc_name = pasted
"""


def _paste() -> list[Scenario]:
    files = {"site_of_paste.py": SITE, "app.ini": INI, "one.ini": INI.partition("[server")[0]}

    def row(name: str, *args: str, steps: tuple[Step, ...] = (UP, Get("/"))) -> Scenario:
        return run(f"paste: {name}", "2.4", *steps, args=args, files=files, app=None, settings=("paste", "raw_paste_global_conf"))  # fmt: skip

    return [
        row("an application", "--paste", "one.ini", steps=(UP, Get("/"))),
        row("with settings of a server", "--paste", "app.ini"),
        row("another application", "--paste", "app.ini#other"),
        row("short option", "--paster", "app.ini"),
        row("two workers", "--paste", "one.ini", "-w", "2", steps=(TWO, Get("/"))),
        row("global values", "--paste", "app.ini", "--paste-global", "who=world"),
        row("file that is not there", "--paste", "none.ini", steps=(WaitExit(),)),
        row("application that is not there", "--paste", "app.ini#none", steps=(WaitExit(),)),
    ]


# ---- programs around it ----

STANDALONE = """
from PRODUCT.app.base import BaseApplication

def app(environ, start_response):
    text = environ["REQUEST_METHOD"] + " " + environ["PATH_INFO"]
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text.encode()]

class Standalone(BaseApplication):
    def __init__(self, app, options):
        self.options = options
        self.application = app
        super().__init__()

    def load_config(self):
        for key, value in self.options.items():
            self.cfg.set(key.lower(), value)

    def load(self):
        return self.application

options = {"bind": "127.0.0.1:0", "post_worker_init": post_worker_init}
if "PRODUCT" == "gunicorn":
    options["control_socket_disable"] = True
"""
COMMAND = """
import sys
from PRODUCT.app.wsgiapp import WSGIApplication
if "PRODUCT" == "gunicorn":
    sys.argv.append("--no-control-socket")
WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").run()
"""
OWN = """
import sys
from PRODUCT.app.base import Application
if "PRODUCT" == "gunicorn":
    sys.argv.append("--no-control-socket")

class Own(Application):
    def init(self, parser, opts, args):
        return {"bind": ["127.0.0.1:0"], "workers": 2}

    def load(self):
        import app
        return app.app

Own().run()
"""


def _embedding() -> list[Scenario]:
    def row(name: str, text: str, *steps: Step, args: tuple[str, ...] = ()) -> Scenario:
        made = run(f"embedding: {name}", "2.5", *steps, args=args, files={"program.py": text})
        return replace(made, script="program.py")

    start = "Standalone(app, options).run()\n"
    return [
        row("BaseApplication", STANDALONE + start, UP, Get("/some/path")),
        row("BaseApplication with settings", STANDALONE + "options['Workers'] = 2\n" + start, TWO, Get("/")),
        row("BaseApplication, HUP", STANDALONE + start, UP, Signal(SIGHUP), WaitWorkers(1, 2), Get("/")),
        row("BaseApplication, a setting that is none", STANDALONE + "options['none'] = 1\n" + start, WaitExit()),
        row("BaseApplication, a value that is wrong", STANDALONE + "options['workers'] = -1\n" + start, WaitExit()),
        row("BaseApplication, load() raises", STANDALONE + "def load(self): raise KeyError('x')\nStandalone.load = load\n" + start, WaitExit()),
        row("WSGIApplication", COMMAND, UP, Get("/empty"), args=("--bind", "127.0.0.1:0", "app:app")),
        row("WSGIApplication without a name", COMMAND, WaitExit()),
        row("Application", OWN, TWO, Get("/empty")),
        row("Application, command line over init", OWN, UP, Get("/empty"), args=("-w", "1")),
    ]  # fmt: skip


# ---- what becomes of the processes ----

PID = ("--pid", "server.pid", "--error-logfile", "error.log")
PIDFILES = (Look("server.pid"), Look("server.pid.2"))


def logged(scenario: Scenario) -> Scenario:
    """One whose error log is in error.log."""
    return replace(scenario, log="error.log")


def _daemons() -> list[Scenario]:
    begun = (Follow("server.pid"), UP, GET)

    def row(name: str, *steps: Step, args: tuple[str, ...] = ()) -> Scenario:
        settings = ("daemon", "enable_stdio_inheritance")
        everything = ("--daemon", *PID, *args)
        return logged(
            run(f"daemon: {name}", "3.4", *begun, *steps, args=everything, settings=settings)
        )

    inherited = "--enable-stdio-inheritance"
    return [
        row("served and stopped", Look("server.pid"), Signal(SIGTERM), WaitExit(), Look("server.pid")),
        row("prints to nobody", Get("/printed")),
        row("prints where it was started", Get("/printed"), args=(inherited,)),
        row("WINCH, and HUP brings them back", Signal(SIGWINCH), WaitWorkers(0, 1), Signal(SIGHUP), WaitWorkers(1, 2), GET),
        row("HUP", Signal(SIGHUP), WaitWorkers(1, 2), GET),
    ]  # fmt: skip


PRE_EXEC = """
def pre_exec(server):
    with open("trace", "a") as trace:
        trace.write("arbiter pre_exec\\n")
"""


def _upgrades() -> list[Scenario]:
    second = (Signal(SIGUSR2), WaitFile("server.pid.2", r"\d"), WaitFile("ready", "ready", 2))
    traced = (*LOGS, "trace")

    def row(name: str, *steps: Step, file: str = "") -> Scenario:
        made = run(f"USR2: {name}", "3.8", UP, GET, *second, *steps, args=PID, file=file, settings=("pre_exec",), compare=traced)  # fmt: skip
        return logged(made)

    return [
        row("the new one stays", *PIDFILES, Signal(SIGTERM), Follow("server.pid"), WaitLog("promoted"), GET, *PIDFILES),
        row("the old one stays", Signal(SIGTERM, to="server.pid.2"), WaitLog("Shutting down"), WaitWorkers(1, 2), GET, *PIDFILES),
        row("twice", Signal(SIGUSR2), WaitLog("Child exists"), Signal(SIGTERM, to="server.pid.2"), WaitLog("Shutting down"), WaitWorkers(1, 2)),
        row("pre_exec", Signal(SIGTERM, to="server.pid.2"), WaitLog("Shutting down"), WaitWorkers(1, 2), file=PRE_EXEC),
    ]  # fmt: skip


def _preloading() -> list[Scenario]:
    code = {"code.py": CODE.format("old code")}

    def row(name: str, *steps: Step, args: tuple[str, ...] = (), files: dict[str, str] | None = None, app: str = "code:app") -> Scenario:  # fmt: skip
        return run(f"preload: {name}", "2.3", *steps, args=("--preload", *args), files=files or code, app=app, settings=("preload_app",))  # fmt: skip

    return [
        row("served", UP, Get("/")),
        row("two workers", TWO, Get("/"), args=("-w", "2")),
        row("worker gets SIGKILL", UP, Get("/"), Signal(SIGKILL, worker=True), WaitWorkers(1, 2), Get("/")),
        row("HUP with new code", UP, Get("/"), Write("code.py", CODE.format("new")), Signal(SIGHUP), WaitWorkers(1, 2), Get("/")),
        row("module that is not there", WaitExit(), app="none:app"),
        row("module that raises", WaitExit(), files={"code.py": "raise KeyError('x')\n"}),
        row("code that does not parse", WaitExit(), files={"code.py": "def app(:\n"}),
        row("sys.exit", WaitExit(), files={"code.py": "import sys\nsys.exit(5)\n"}),
    ]  # fmt: skip


def _own_listeners() -> list[Scenario]:
    def row(name: str, *steps: Step, args: tuple[str, ...] = ()) -> Scenario:
        return run(f"reuse_port: {name}", "3.2", *steps, args=("--reuse-port", *args), settings=("reuse_port",))  # fmt: skip

    return [
        row("served", UP, GET),
        row("two workers", TWO, GET, args=("-w", "2")),
        row("HUP", UP, Signal(SIGHUP), WaitWorkers(1, 2), GET),
    ]


def _users() -> list[Scenario]:
    def row(name: str, *args: str, steps: tuple[Step, ...] = (UP, Get("/identity")), file: str = "") -> Scenario:  # fmt: skip
        made = run(f"identity: {name}", "3.4", *steps, args=args, settings=("user", "group", "initgroups"), file=file)  # fmt: skip
        return replace(made, as_root=True)

    by_number = ("-u", "65534", "-g", "65534")
    return [
        row("user and group", "--user", "nobody", "--group", "nogroup"),
        row("by number", *by_number),
        row("group alone", "--group", "nogroup"),
        row("all groups", *by_number, "--initgroups"),
        row("Unix socket", *by_number, "--bind", "unix:server.sock", steps=(UP, Look("server.sock"))),
        row("error log", *by_number, "--error-logfile", "error.log", steps=(UP, WaitFile("error.log", "Booting"), Look("error.log", text=False))),
        row("stopped", *by_number, steps=(UP, Get("/identity"), Signal(SIGTERM), WaitExit())),
    ]  # fmt: skip


def jobs() -> list[Job]:
    """One run of the program each."""
    return [
        *_syslog(),
        *_statsd(),
        *_systemd(),
        *_paste(),
        *_embedding(),
        *_daemons(),
        *_upgrades(),
        *_preloading(),
        *_own_listeners(),
        *_users(),
    ]
