# SPDX-License-Identifier: MIT
"""The package `gunicorn` of packaging/gunicorn-shim: what was written for it, served by us."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import APPS, environment, run_to_end
from tests.support.shim import SHIM, use_shim

Patch = pytest.MonkeyPatch
GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture(autouse=True)
def gunicorn(monkeypatch: Patch) -> None:
    """The package is on the path, and `python -m gunicorn` is what `serve` starts."""
    use_shim(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text((APPS / "hello.py").read_text())
    return tmp_path


def python(code: str) -> str:
    """What the code prints; its last line when it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout if done.returncode == 0 else done.stderr.splitlines()[-1]


# ---- the command ----------------------------------------------------------------------------


def test_the_command_serves(serve: Serve, folder: Path) -> None:
    """`gunicorn hello:app -w 2` serves, logs, and stops as the other command does."""
    server = serve("hello:app", "-w", "2", "--access-logfile", "-", cwd=folder, workers=2)
    assert ask(server.address, GET).status == 200
    server.wait_for_out(r'"GET / HTTP/1.1" 200')
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


def test_the_command_has_its_name() -> None:
    """Usage, version and complaints are gunicorn's."""
    assert run_to_end("--help").stdout.startswith("usage: gunicorn [OPTIONS] [APP_MODULE]")
    version = run_to_end("--version").stdout
    assert re.fullmatch(r"gunicorn \(version 27\.0\.1, by winghorn [0-9.]+\)\n", version)
    assert "gunicorn: error: unrecognized" in run_to_end("--wrokers", "2").stderr


MEASURED = """
import sys
import gunicorn.app.base
from gunicorn.app.wsgiapp import run

before = gunicorn.app.base.Application.wsgi

def wsgi(self):
    application = before(self)
    def measured(environ, start_response):
        return [b"measured: ", *application(environ, start_response)]
    return measured

gunicorn.app.base.Application.wsgi = wsgi
run()
"""


def test_tools_may_wrap_the_application(serve: Serve, folder: Path, monkeypatch: Patch) -> None:
    """Who replaces Application.wsgi, as measuring tools do, has his own called by the command."""
    (folder / "measured.py").write_text(MEASURED)
    (folder / "plain.py").write_text(
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'it']\n"
    )
    command = [sys.executable, str(folder / "measured.py")]
    monkeypatch.setenv("WINGHORN_TEST_COMMAND", shlex.join(command))
    server = serve("plain:app", cwd=folder)
    assert ask(server.address, GET).text == "measured: it"


def test_it_is_installed_with_a_command(serve: Serve, folder: Path, monkeypatch: Patch) -> None:
    """pip installs the distribution; its command `gunicorn` serves."""
    target = folder / "installed"
    words = "install --quiet --no-deps --no-index --no-build-isolation --target"
    subprocess.run(
        [sys.executable, "-m", "pip", *words.split(), str(target), str(SHIM.parent)],
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
        timeout=60,
        check=True,
    )
    path = os.environ["PYTHONPATH"].replace(str(SHIM), str(target))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("WINGHORN_TEST_COMMAND", str(target / "bin" / "gunicorn"))
    server = serve("hello:app", cwd=folder)
    assert ask(server.address, GET).status == 200
    paths = python("import gunicorn, gunicorn.app.base; print(gunicorn.__file__)")
    assert paths.startswith(str(target))


# ---- programs and configuration files -------------------------------------------------------

# As gunicorn's documentation has it.
STANDALONE = """
import sys
import gunicorn.app.base
from gunicorn.arbiter import Arbiter

def handler_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Works fine"]

class StandaloneApplication(gunicorn.app.base.BaseApplication):
    def __init__(self, app, options=None):
        self.options = options or {}
        self.application = app
        super().__init__()

    def load_config(self):
        config = {key: value for key, value in self.options.items()
                  if key in self.cfg.settings and value is not None}
        for key, value in config.items():
            self.cfg.set(key.lower(), value)

    def load(self):
        return self.application

def when_ready(server):
    assert isinstance(server, Arbiter)
    server.log.info("an arbiter, by its class")

if __name__ == "__main__":
    program = StandaloneApplication(
        handler_app, {"bind": "127.0.0.1:0", "workers": 2, "when_ready": when_ready})
    if "arbiter" in sys.argv:
        Arbiter(program).run()
    program.run()
"""


@pytest.mark.parametrize("how", ["run", "arbiter"])
def test_a_program_for_gunicorn_runs_unchanged(serve: Serve, folder: Path, how: str) -> None:
    """A BaseApplication, started by itself or by an Arbiter of its own."""
    program = folder / "program.py"
    program.write_text(STANDALONE)
    server = serve(how, prefix=(sys.executable, str(program)), cwd=folder, workers=2)
    server.wait_for_log("an arbiter, by its class")
    assert ask(server.address, GET).text == "Works fine"
    old = server.workers()
    server.signal(signal.SIGHUP)
    server.wait_for_workers(2, other_than=old)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


CONFIG = """
import logging
import gunicorn
from gunicorn import glogging
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker

assert gunicorn.version_info >= (20, 1)
threads = 3

class Marked(glogging.Logger):
    def setup(self, cfg):
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logging.Formatter("MARKED %(message)s"))

class Named(ThreadWorker):
    "Serves as its base does."
    colour = "green"

logger_class = Marked
worker_class = Named

def post_fork(server, worker):
    worker.log.info("%s %s", isinstance(worker, Worker), worker.pid != server.pid)
"""


def test_a_config_file_that_imports_from_gunicorn(serve: Serve, folder: Path) -> None:
    """Its logger class logs, its worker class serves, its hooks know their objects."""
    (folder / "gunicorn.conf.py").write_text(CONFIG)
    server = serve("hello:app", cwd=folder)
    server.wait_for_log("^MARKED Using worker: gthread")
    server.wait_for_log("^MARKED True True")
    assert ask(server.address, GET).status == 200


@pytest.mark.parametrize(
    ("value", "serves"),
    [
        ("'gunicorn.workers.sync.SyncWorker'", "gunicorn.workers.sync.SyncWorker"),
        ("'gunicorn.workers.gthread.ThreadWorker'", "gunicorn.workers.gthread.ThreadWorker"),
        ("__import__('gunicorn.workers.sync').workers.sync.SyncWorker", "sync"),
    ],
)
def test_worker_classes_of_gunicorns(serve: Serve, folder: Path, value: str, serves: str) -> None:
    """By name and as classes."""
    (folder / "gunicorn.conf.py").write_text(f"worker_class = {value}\n")
    server = serve("hello:app", cwd=folder)
    server.wait_for_log(f"Using worker: {re.escape(serves)}$")


NOT_HERE = "winghorn, which serves here as gunicorn, has"
REFUSED = {
    "override": (
        "class Mine(SyncWorker):\n    def handle_request(self, *args): pass\nworker_class = Mine",
        r"'__config__\.Mine' has methods of its own \(handle_request\)",
    ),
    "base": (
        "worker_class = Worker",
        "worker class 'winghorn.hook_objects.Worker' is not supported",
    ),
    "other": ("worker_class = int", "worker class 'builtins.int' is not supported"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_workers_of_ones_own_are_refused(folder: Path, which: str) -> None:
    """What would not be called is refused with its name, and nothing is served."""
    head = (
        "from gunicorn.workers.base import Worker\nfrom gunicorn.workers.sync import SyncWorker\n"
    )
    config, reason = REFUSED[which]
    (folder / "gunicorn.conf.py").write_text(head + config + "\n")
    done = run_to_end("--bind", "127.0.0.1:0", "hello:app", cwd=folder)
    assert done.returncode == 1
    assert re.search(reason, done.stderr)
    assert "Traceback" not in done.stderr


def test_hiding_the_server_warns(folder: Path) -> None:
    """gunicorn.SERVER_SOFTWARE cannot be set to anything that counts, and that is said."""
    (folder / "gunicorn.conf.py").write_text("import gunicorn\ngunicorn.SERVER_SOFTWARE = 'x'\n")
    done = run_to_end("--check-config", "hello:app", cwd=folder)
    assert done.returncode == 0
    assert "gunicorn.SERVER_SOFTWARE has no effect in winghorn" in done.stderr


# ---- names ----------------------------------------------------------------------------------


def test_what_others_import_is_there() -> None:
    """The names that programs, libraries and configurations take from gunicorn."""
    assert (
        python(
            "from gunicorn import SERVER_SOFTWARE, __version__, version_info\n"
            "from gunicorn.app.base import Application, BaseApplication\n"
            "from gunicorn.app.pasterapp import serve\n"
            "from gunicorn.app.wsgiapp import WSGIApplication, run\n"
            "from gunicorn.arbiter import Arbiter\n"
            "from gunicorn.config import KNOWN_SETTINGS, Config, Setting, make_settings\n"
            "from gunicorn.errors import AppImportError, ConfigError, HaltServer\n"
            "from gunicorn.glogging import CONFIG_DEFAULTS, Logger, SafeAtoms\n"
            "from gunicorn.instrument.statsd import Statsd\n"
            "from gunicorn.pidfile import Pidfile\n"
            "from gunicorn.reloader import reloader_engines\n"
            "from gunicorn.util import http_date, import_app, load_class, parse_address\n"
            "from gunicorn.workers.sync import SyncWorker\n"
            "assert (Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR) == (3, 4)\n"
            "assert HaltServer('why', 4).exit_status == 4\n"
            "assert sorted(reloader_engines) == ['auto', 'inotify', 'poll']\n"
            "print('all')"
        )
        == "all\n"
    )


@pytest.mark.parametrize(
    ("code", "last"),
    [
        (
            "import gunicorn.workers.ggevent",
            f"ModuleNotFoundError: gunicorn.workers.ggevent: {NOT_HERE} the workers sync "
            "and gthread",
        ),
        (
            "from gunicorn.http.message import Request",
            f"ModuleNotFoundError: gunicorn.http is of gunicorn's own code; {NOT_HERE} no such",
        ),
        (
            "from gunicorn.util import daemonize",
            f"ImportError: gunicorn.util.daemonize is of gunicorn's own code; {NOT_HERE} no such",
        ),
        (
            "import gunicorn.config\nclass Mine(gunicorn.config.Setting): pass",
            "TypeError: Mine: winghorn has no settings but its own",
        ),
    ],
)
def test_what_is_not_there_says_so(code: str, last: str) -> None:
    """An ImportError with a sentence: code that tries and goes on does so."""
    assert python(code) == last


def test_settings_can_be_looked_through() -> None:
    """KNOWN_SETTINGS and Config, as programs read them."""
    assert python(
        "from gunicorn.config import Config, KNOWN_SETTINGS, make_settings\n"
        "workers = next(s for s in KNOWN_SETTINGS if s.name == 'workers')\n"
        "print(workers.section, workers.cli, workers.default, workers.get())\n"
        "print(next(s for s in KNOWN_SETTINGS if s.name == 'post_fork').default)\n"
        "print('workers' in make_settings(ignore={'workers'}))\n"
        "cfg = Config()\n"
        "cfg.set('bind', 'unix:/x')\n"
        "cfg.set('workers', '0x4')\n"
        "cfg.set('raw_paste_global_conf', ['a=b'])\n"
        "print(cfg.bind, cfg.address, cfg.workers, cfg.post_fork, cfg.sendfile)\n"
        "print(cfg.paste_global_conf, Config().paste_global_conf)\n"
    ) == (
        "Worker Processes ['-w', '--workers'] 1 1\nNone\nFalse\n"
        "['unix:/x'] ['/x'] 4 None True\n{'a': 'b'} None\n"
    )


def test_helpers() -> None:
    """http_date, parse_address, import_app, load_class, validators."""
    assert python(
        "from gunicorn import config, util\n"
        "from gunicorn.errors import AppImportError\n"
        "print(util.http_date(0))\n"
        "for text in 'unix:/a/b', 'unix:///c', 'fd://3', '[::1]:80', 'HOST', ':5', 'a:1':\n"
        "    print(util.parse_address(text), end=' ')\n"
        "print(util.import_app('os:getcwd()'.replace('getcwd()', 'getcwd')).__name__)\n"
        "print(util.load_class('gthread').__name__, util.load_class('json.JSONDecoder').__name__)\n"
        "print(config.validate_bool(' True'), config.validate_pos_int('0x10'),\n"
        "      config.validate_list_string('a '), config.validate_string_to_list('a, ,b'))\n"
        "for wrong in (lambda: util.import_app('os:nothing'), lambda: config.validate_bool('x'),\n"
        "              lambda: util.parse_address('a:b'),\n"
        "              lambda: config.validate_callable(2)(len)):\n"
        "    try:\n"
        "        wrong()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, end=' ')\n"
    ) == (
        "Thu, 01 Jan 1970 00:00:00 GMT\n"
        "/a/b /c 3 ('::1', 80) ('host', 8000) ('0.0.0.0', 5) ('a', 1) getcwd\n"
        "ThreadWorker JSONDecoder\n"
        "True 16 ['a'] ['a', 'b']\n"
        "AppImportError ValueError RuntimeError TypeError "
    )


def test_pidfile(tmp_path: Path) -> None:
    """A stale one is taken over, one of a living process is not; only its own is removed."""
    file = tmp_path / "it.pid"
    code = (
        "import os\nfrom gunicorn.pidfile import Pidfile\n"
        f"file = Pidfile({str(file)!r})\nfile.create(os.getpid())\n"
        "assert file.validate() == os.getpid()\nfile.rename(file.fname + '2')\nfile.unlink()\n"
    )
    file.write_text("999999999\n")
    assert python(code) == ""
    assert list(tmp_path.iterdir()) == []
    file.write_text(f"{os.getpid()}\n")
    assert python(code).startswith(f"RuntimeError: Already running on PID {os.getpid()}")


def test_a_reloader_of_gunicorns(tmp_path: Path) -> None:
    """Its callback is called with the file that was modified."""
    watched = tmp_path / "watched.txt"
    watched.write_text("before")
    assert (
        python(
            "import threading\nfrom gunicorn.reloader import reloader_engines\n"
            "seen = []\ncalled = threading.Event()\n"
            "def changed(path):\n    seen.append(path)\n    called.set()\n"
            f"reloader_engines['poll']([{str(watched)!r}], 0.01, changed).start()\n"
            f"open({str(watched)!r}, 'w').write('after')\n"
            "assert called.wait(30)\nprint(seen[0])\n"
        )
        == f"{watched}\n"
    )
