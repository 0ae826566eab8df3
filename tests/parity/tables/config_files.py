# SPDX-License-Identifier: MIT
"""Configuration files: values of every kind, where files are looked for, and what comes first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.parity.scenario import Job, Scenario

FILE = "gunicorn.conf.py"

# Validator, then lines of a file; each is one scenario. The setting's line of --print-config, its
# error and the exit status are compared.
VALUES: dict[str, list[str]] = {
    "number": [
        "workers = 3",
        "workers = '3'",
        "workers = '0x10'",
        "workers = '0o17'",
        "workers = '010'",
        "workers = ' 5 '",
        "workers = True",
        "workers = 2.0",
        "workers = 2.7",
        "workers = None",
        "workers = []",
        "workers = 'abc'",
        "workers = -1",
        "workers = '-1'",
        "timeout = '30'",
        "timeout = None",
        "timeout = 0.5",
        "keepalive = 5",
        "keepalive = False",
        "keepalive = None",
        "threads = 0",
        "max_requests = '1000'",
        "limit_request_line = -4",
        "graceful_timeout = {}",
        "backlog = b'5'",
    ],
    "octal number": [
        "umask = 0o22",
        "umask = '0022'",
        "umask = '0o22'",
        "umask = '022'",
        "umask = 18",
        "umask = -1",
        "umask = 'rw'",
        "umask = None",
    ],
    "boolean": [
        "reload = True",
        "reload = False",
        "reload = 'true'",
        "reload = ' TRUE '",
        "reload = 'False'",
        "reload = 'yes'",
        "reload = ''",
        "reload = 1",
        "reload = 0",
        "reload = None",
        "reload = []",
        "strip_header_spaces = 'true'",
        "permit_obsolete_folding = 'on'",
        "casefold_http_method = True",
        "sendfile = False",
        "sendfile = None",
        "sendfile = 'false'",
    ],
    "string": [
        "proc_name = 'shop'",
        "proc_name = '  shop '",
        "proc_name = 5",
        "proc_name = ''",
        "proc_name = None",
        "proc_name = b'shop'",
        "pidfile = 'a.pid'",
        "pidfile = ['a.pid']",
        "loglevel = 'Warning'",
        "loglevel = None",
        "loglevel = 10",
        "accesslog = None",
        "accesslog = '-'",
        "accesslog = True",
        "access_log_format = 7",
        "tmp_upload_dir = '/tmp'",
        "default_proc_name = 'other'",
        "wsgi_app = 'app:factory()'",
        "wsgi_app = 3",
        "worker_tmp_dir = '/dev/shm'",
        "pythonpath = 'lib'",
    ],
    "list": [
        "bind = '127.0.0.1:1'",
        "bind = ['127.0.0.1:1', 'unix:x.sock']",
        "bind = ('127.0.0.1:1',)",
        "bind = []",
        "bind = None",
        "bind = [5]",
        "bind = 5",
        "bind = [' 127.0.0.1:1 ']",
        "raw_env = 'A=b'",
        "raw_env = ['A=b', 'C=d']",
        "raw_env = {'A': 'b'}",
        "raw_env = []",
        "raw_env = [None]",
        "reload_extra_files = 'app.py'",
        "reload_extra_files = ['app.py']",
        "reload_extra_files = ['missing.py']",
        "reload_extra_files = []",
        "reload_extra_files = None",
    ],
    "comma list": [
        "forwarder_headers = 'A,B'",
        "forwarder_headers = ' A , B ,'",
        "forwarder_headers = ''",
        "forwarder_headers = None",
        "forwarder_headers = ['A', 'B']",
        "forwarder_headers = '*'",
    ],
    "addresses": [
        "forwarded_allow_ips = '*'",
        "forwarded_allow_ips = '10.0.0.0/8'",
        "forwarded_allow_ips = '10.0.0.1/8'",
        "forwarded_allow_ips = 'x'",
        "forwarded_allow_ips = ''",
        "forwarded_allow_ips = None",
        "forwarded_allow_ips = ['10.0.0.1']",
        "proxy_allow_ips = '10.0.0.1, ::1'",
        "proxy_allow_ips = 'fe80::1%eth0'",
        "uwsgi_allow_ips = '*'",
        "uwsgi_allow_ips = 5",
    ],
    "dictionary": [
        "secure_scheme_headers = {'X-A': 'https'}",
        "secure_scheme_headers = {}",
        "secure_scheme_headers = []",
        "secure_scheme_headers = 'X-A'",
        "secure_scheme_headers = None",
    ],
    "choice": [
        "reload_engine = 'poll'",
        "reload_engine = 'x'",
        "reload_engine = 5",
        "reload_engine = None",
        "header_map = 'refuse'",
        "header_map = ' REFUSE '",
        "header_map = 'x'",
        "header_map = None",
        "proxy_protocol = True",
        "proxy_protocol = False",
        "proxy_protocol = None",
        "proxy_protocol = 'auto'",
        "proxy_protocol = ' V1 '",
        "proxy_protocol = 'x'",
        "proxy_protocol = 5",
        "protocol = 'uwsgi'",
    ],
    "class": [
        "worker_class = 'gthread'",
        "worker_class = 5",
        "worker_class = None",
        "worker_class = 'no.such.Class'",
    ],
    "hook": [
        "def on_starting(server): pass",
        "def on_starting(server, other): pass",
        "def on_starting(): pass",
        "def on_starting(*all): pass",
        "def on_starting(server, *, more=1): pass",
        "def on_starting(server, more=1): pass",
        "on_starting = lambda server: None",
        "on_starting = 'app.nothing'",
        "on_starting = 'app.factory'",
        "on_starting = 'app'",
        "on_starting = 'app.missing'",
        "on_starting = 'missing.thing'",
        "on_starting = 5",
        "on_starting = None",
        "def when_ready(): pass",
        "def pre_fork(server): pass",
        "def post_fork(server, worker): pass",
        "def post_worker_init(a, b): pass",
        "def worker_int(): pass",
        "def worker_abort(worker): pass",
        "def pre_request(worker): pass",
        "def pre_request(worker, req): pass",
        "def post_request(worker, req): pass",
        "def post_request(worker, req, environ): pass",
        "def post_request(worker, req, environ, resp): pass",
        "def post_request(worker): pass",
        "def post_request(a, b, c, d, e): pass",
        "def child_exit(server): pass",
        "def worker_exit(server, worker, x): pass",
        "def nworkers_changed(server, new): pass",
        "def nworkers_changed(server, new, old): pass",
        "def on_exit(): pass",
        "def on_reload(server): pass",
        "class on_exit:\n    def __init__(self, server): pass",
    ],
}  # fmt: skip


def _setting(line: str) -> str:
    words = line.split("(")[0].split()
    return words[1].strip(":") if words[0] in ("def", "class") else words[0]


def _values() -> list[Scenario]:
    found = []
    for kind, lines in VALUES.items():
        for line in lines:
            setting = _setting(line)
            # A function shows itself by its name.
            shown = (setting,) if kind != "hook" else ("none",)
            app = None if setting == "wsgi_app" else "app:app"
            found.append(
                Scenario(
                    f"config file, {kind}: {line.splitlines()[0]}",
                    "1.3",
                    ("--print-config",),
                    app,
                    files={FILE: line + "\n"},
                    settings=(setting,),
                    lines=shown,
                )
            )
    return found


_ARGS = "GUNICORN_CMD_ARGS"


def _precedence() -> list[Scenario]:
    def row(
        name: str,
        *args: str,
        file: str = "",
        lines: tuple[str, ...] = ("workers",),
        section: str = "1.2",
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> Scenario:
        files = {FILE: file} if file else {}
        files |= {
            "a.py": "workers = 11\n",
            "b.py": "workers = 12\n",
            "conf_module.py": "workers = 13\n",
        }
        return Scenario(
            f"precedence: {name}",
            section,
            ("--print-config", *args),
            files=files,
            lines=lines,
            env=env,
        )

    return [
        row("file over default", file="workers = 2"),
        row("arguments variable over file", file="workers = 2", env={_ARGS: "-w 3"}),
        row("command line over variable", "-w4", file="workers = 2", env={_ARGS: "-w 3"}),
        row("file over WEB_CONCURRENCY", file="workers = 2", env={"WEB_CONCURRENCY": "7"}),
        row("WEB_CONCURRENCY", env={"WEB_CONCURRENCY": "7"}, section="0"),
        row("WEB_CONCURRENCY with spaces", env={"WEB_CONCURRENCY": " 7 "}, section="0"),
        row("WEB_CONCURRENCY of zero", env={"WEB_CONCURRENCY": "0"}, section="0"),
        row("WEB_CONCURRENCY that is no number", env={"WEB_CONCURRENCY": "many"}, section="0"),
        row("WEB_CONCURRENCY that is empty", env={"WEB_CONCURRENCY": ""}, section="0"),
        row("WEB_CONCURRENCY below zero", env={"WEB_CONCURRENCY": "-2"}, section="0"),
        row("PORT", env={"PORT": "5000"}, lines=("bind",), section="0"),
        row("PORT that is empty", env={"PORT": ""}, lines=("bind",), section="0"),
        row("bind over PORT", "-b", "127.0.0.1:1", env={"PORT": "5000"}, lines=("bind",), section="0"),
        row("FORWARDED_ALLOW_IPS", env={"FORWARDED_ALLOW_IPS": "10.0.0.1"}, lines=("forwarded_allow_ips",), section="0"),
        row("FORWARDED_ALLOW_IPS that is bad", env={"FORWARDED_ALLOW_IPS": "x"}, lines=("forwarded_allow_ips",), section="0"),
        row("FORWARDED_ALLOW_IPS that is empty", env={"FORWARDED_ALLOW_IPS": ""}, lines=("forwarded_allow_ips",), section="0"),
        row("SENDFILE does not show", env={"SENDFILE": "no"}, lines=("sendfile",), section="0"),
        row("list of a later source replaces", "-b", "127.0.0.1:2", file="bind = ['127.0.0.1:1']", lines=("bind",)),
        row("list of the variable replaces", file="raw_env = ['A=1']", lines=("raw_env",), env={_ARGS: "-e B=2"}),
        row("flag in file cannot be undone", file="reload = True", lines=("reload",)),
        row("arguments variable, quoted", lines=("proc_name",), env={_ARGS: "--name 'shop front'"}),
        row("arguments variable, unknown option", env={_ARGS: "--foo"}),
        row("arguments variable, bad value", env={_ARGS: "-w -1"}),
        row("arguments variable, open quote", env={_ARGS: "--name 'shop"}),
        row("arguments variable, application ignored", lines=("wsgi_app", "workers"), env={_ARGS: "other:app -w 5"}),
        row("arguments variable, empty", env={_ARGS: ""}),
        row("arguments variable names the file", file="workers = 2", env={_ARGS: "-c a.py"}),
        row("command line names the file", "-c", "b.py", file="workers = 2", env={_ARGS: "-c a.py"}),
        row("the only file is the one named", "-c", "a.py", file="threads = 9", lines=("workers", "threads")),
        row("config in the file does nothing", file="config = 'a.py'\nworkers = 2"),
        row("location with file:", "-c", "file:a.py", section="1.2"),
        row("location with python:", "-c", "python:conf_module"),
        row("location with an absolute python: that is no module", "-c", "python:no.such.module"),
    ]  # fmt: skip


def _places() -> list[Scenario]:
    def row(
        name: str,
        file: str,
        *args: str,
        lines: tuple[str, ...] = ("workers",),
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> Scenario:
        return Scenario(
            f"file: {name}",
            "1.2",
            ("--print-config", *args),
            files={FILE: file, **more},
            lines=lines,
        )

    return [
        row("unknown names are ignored", "workers = 2\nno_such_setting = 3\ntolerate_dangerous_framing = True"),
        row("names in capitals are ignored", "WORKERS = 2"),
        row("names with an underscore are ignored", "_workers = 2"),
        row("imports work", "import os\nworkers = len(os.sep) + 1"),
        row("imports beside it work", "from app import number\nworkers = number"),
        row("its name", "proc_name = __name__", lines=("proc_name",)),
        row("its file", "import os\nproc_name = os.path.basename(__file__)", lines=("proc_name",)),
        row("raises", "raise RuntimeError('as asked')"),
        row("does not parse", "workers = = 3"),
        row("imports what is not there", "import no_such_module"),
        row("exits", "raise SystemExit(7)"),
        row("two bad values", "workers = -1\nthreads = -1"),
        row("empty", ""),
        row("another extension", "", "-c", "conf.txt", more={"conf.txt": "workers = 6"}),
        row("no extension", "", "-c", "conf", more={"conf": "workers = 6"}),
        row("a folder", "", "-c", "below", more={"below/conf.py": "workers = 6"}),
        row("chdir does not move it", "workers = 2", "--chdir", "below", more={"below/gunicorn.conf.py": "workers = 9", "below/app.py": "def app(e, s): pass"}),
        row("chdir in it", "chdir = 'below'", lines=("chdir",), more={"below/app.py": "def app(e, s): pass"}),
        row("chdir in it that is not there", "chdir = 'missing'", lines=("chdir",)),
        row("prints", "print('hello from the file')", lines=("hello", "workers")),
        row("sets a flag that has no negative form", "sendfile = False\ncasefold_http_method = True", lines=("sendfile", "casefold_http_method")),
    ]  # fmt: skip


def jobs() -> list[Job]:
    """One run of the program each."""
    return [*_values(), *_precedence(), *_places()]
