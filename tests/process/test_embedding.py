# SPDX-License-Identifier: MIT
"""A program that serves by itself, as gunicorn's BaseApplication lets it."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import APPS, Server, environment

GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"

# The form that gunicorn's documentation shows. It is started with the test command as arguments,
# and takes its address from there.
PROGRAM = """
import json, os, sys
from winghorn.app.base import BaseApplication

def handler_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [json.dumps([environ["wsgi.multithread"], os.environ.get("NAME")]).encode()]

class StandaloneApplication(BaseApplication):
    def __init__(self, app, options=None):
        self.options = options or {}
        self.application = app
        super().__init__()

    def load_config(self):
        config = {key: value for key, value in self.options.items()
                  if key in self.cfg.settings and value is not None}
        for key, value in config.items():
            self.cfg.set(key.lower(), value)
        if os.path.exists("threads"):
            self.cfg.set("threads", open("threads").read())

    def load(self):
        return self.application

def post_fork(server, worker):
    worker.log.info("forked for %s", server.cfg.workers)

if __name__ == "__main__":
    bind = sys.argv[sys.argv.index("--bind") + 1] if "--bind" in sys.argv else None
    options = {"bind": bind, "workers": 2, "post_fork": post_fork, "raw_env": ["NAME=it"]}
    options.update(MORE)
    StandaloneApplication(handler_app, options).run()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, without more options."""
    return written(tmp_path, "{}")


def written(folder: Path, more: str) -> Path:
    path = folder / "program.py"
    path.write_text(PROGRAM.replace("MORE", more))
    return path


def start(serve: Serve, program: Path) -> Server:
    return serve(prefix=(sys.executable, str(program)), cwd=program.parent, workers=2)


def test_a_program_serves(serve: Serve, program: Path) -> None:
    """Its options hold, hooks among them; its application answers; it stops with status 0."""
    server = start(serve, program)
    assert ask(server.address, GET).body == b'[false, "it"]'
    server.wait_for_log("forked for 2", count=2)
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0


def test_reload_asks_the_program_again(serve: Serve, program: Path) -> None:
    """HUP calls load_config again; what is wrong then leaves the old settings."""
    server = start(serve, program)
    old = server.workers()
    (program.parent / "threads").write_text("3")
    server.signal(signal.SIGHUP)
    server.wait_for_workers(2, other_than=old)
    assert ask(server.address, GET).body == b'[true, "it"]'
    (program.parent / "threads").write_text("many")
    server.signal(signal.SIGHUP)
    server.wait_for_log(r"Reload failed, the old settings stay: invalid literal .*: 'many'")
    assert ask(server.address, GET).body == b'[true, "it"]'


LOADING = """
    def load(self):
        with open("loaded", "a") as file:
            print(os.getpid(), file=file)
"""


def test_a_program_may_preload(serve: Serve, tmp_path: Path) -> None:
    """preload_app: load() runs once for all workers, and once more on HUP; never in the arbiter."""
    program = written(tmp_path, "{'preload_app': True}")
    program.write_text(program.read_text().replace("\n    def load(self):\n", LOADING))
    server = start(serve, program)
    assert ask(server.address, GET).body == b'[false, "it"]'
    loaded = (tmp_path / "loaded").read_text().split()
    assert len(loaded) == 1
    assert int(loaded[0]) != server.pid
    server.signal(signal.SIGHUP)
    server.wait_for_log("forked for 2", count=4)
    assert len((tmp_path / "loaded").read_text().split()) == 2


WRONG = {
    "{'workers': 'x'}": (
        1,
        r"Error: invalid literal .*: 'x' \(setting 'workers', from .*load_config",
    ),
    "{'post_fork': 5}": (1, r"Error: Value is not callable: 5 \(setting 'post_fork'"),
}


@pytest.mark.parametrize("more", WRONG)
def test_wrong_options_name_the_program(tmp_path: Path, more: str) -> None:
    """What is wrong with a setting is said with its name and where it was set."""
    status, text = WRONG[more]
    done = subprocess.run(
        [sys.executable, str(written(tmp_path, more))],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == status
    assert re.search(text, done.stderr)


def program_ends(folder: Path, *args: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(folder / "program.py"), *args],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(env),
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_bad_variable_is_no_traceback(tmp_path: Path) -> None:
    """WEB_CONCURRENCY that is no number: an Error line with its name, status 1."""
    written(tmp_path, "{'workers': None}")
    status, text = program_ends(tmp_path, WEB_CONCURRENCY="many")
    assert status == 1
    assert "Traceback" not in text
    assert re.search(r"^Error: .*'many'.*WEB_CONCURRENCY", text, re.MULTILINE)


def test_no_application_is_refused(tmp_path: Path) -> None:
    """load() that forgets its return: no worker serves, and it is said whose load() it was."""
    path = written(tmp_path, "{'workers': 1}")
    path.write_text(path.read_text().replace("        return self.application\n", "        pass\n"))
    status, log = program_ends(tmp_path)
    assert status == 4
    assert "StandaloneApplication.load() returned an object of type 'NoneType'" in log


def test_an_asgi_application_is_refused(tmp_path: Path) -> None:
    """As by the command: at boot, with its name."""
    path = written(tmp_path, "{'workers': 1}")
    text = path.read_text().replace("def handler_app(environ, start", "async def handler_app(s, r")
    path.write_text(text.replace('    start_response("200', '    s("200'))
    status, log = program_ends(tmp_path)
    assert status == 4
    assert "StandaloneApplication.load() returned an ASGI application (__main__.handler" in log


# ---- Application and WSGIApplication: what the command reads, for programs ------------------


@pytest.fixture
def as_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """program.py of a folder is what `serve` starts, with the options as its own."""
    program = tmp_path / "program.py"
    words = [sys.executable, str(program)]
    monkeypatch.setenv("WINGHORN_TEST_COMMAND", shlex.join(words))
    (tmp_path / "hello.py").write_text((APPS / "hello.py").read_text())
    return program


OF_OWN = """
import os
from winghorn.app.base import Application

class Mine(Application):
    def init(self, parser, opts, args):
        assert opts.paste is None and opts.config in (None, "special.py")
        self.words = args
        return {"workers": 3, "threads": 2, "proc_name": "mine", "raw_env": ["A=init"]}

    def load(self):
        def app(environ, start_response):
            start_response("200 OK", [])
            said = [*self.words, self.usage, self.cfg.workers, self.cfg.threads, os.environ["A"]]
            return [" ".join(map(str, said)).encode()]
        return app

Mine(usage="%(prog)s WORDS").run()
"""


def test_an_application_reads_all_sources(serve: Serve, as_command: Path) -> None:
    """init() beats the environment and is beaten by config file, variable and command line."""
    as_command.write_text(OF_OWN)
    as_command.with_name("gunicorn.conf.py").write_text("raw_env = ['A=file']\nworkers = 1\n")
    server = serve(
        "some",
        "words",
        "--workers",
        "2",
        cwd=as_command.parent,
        env={"GUNICORN_CMD_ARGS": "--threads 4 --workers 1", "WEB_CONCURRENCY": "7"},
        workers=2,
    )
    reply = ask(server.address, GET)
    assert reply.text == "some words %(prog)s WORDS 2 4 file"


def test_an_application_has_its_own_usage(tmp_path: Path) -> None:
    """Its --help begins with its usage; an unknown option has status 2, with the program's name."""
    (tmp_path / "program.py").write_text(OF_OWN)
    status, text = program_ends(tmp_path, "--help")
    assert status == 0
    assert text.startswith("usage: program.py WORDS")
    status, text = program_ends(tmp_path, "--wrokers", "2")
    assert status == 2
    assert "program.py: error: unrecognized arguments" in text


BY_NAME = """
import sys
from winghorn.app.wsgiapp import WSGIApplication

class Named(WSGIApplication):
    def __init__(self, app_uri, options):
        self.app_uri = app_uri
        self.options = options
        super().__init__()

    def load_config(self):
        for key, value in self.options.items():
            self.cfg.set(key, value)
        self.load_config_from_file("more.py")
        assert self.cfg.workers == 2 and self.cfg.bind == ["127.0.0.1:0"], self.cfg.bind

Named("hello:app", {"bind": "127.0.0.1:0", "workers": "1"}).run()
"""


def test_a_program_that_serves_by_name(serve: Serve, as_command: Path) -> None:
    """WSGIApplication with app_uri and settings from the program; a config file can be added."""
    as_command.write_text(BY_NAME)
    more = as_command.with_name("more.py")
    more.write_text("workers = 2\n")
    server = serve(cwd=as_command.parent, workers=2)
    assert ask(server.address, GET).status == 200
    old = server.workers()
    more.write_text("workers = 2\nthreads = 'none'\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log(r"Reload failed, the old settings stay: .*'none'")
    more.write_text("workers = 2\nthreads = 2\n")
    server.signal(signal.SIGHUP)
    server.wait_for_workers(2, other_than=old)


COMMAND = "from winghorn.app.wsgiapp import WSGIApplication\nWSGIApplication().run()\n"


def test_wsgiapplication_is_the_command(serve: Serve, as_command: Path) -> None:
    """Unchanged, it serves what the command line names, checks, prints, and complains."""
    as_command.write_text(COMMAND)
    folder = as_command.parent
    server = serve("hello:app", cwd=folder)
    assert ask(server.address, GET).status == 200
    status, text = program_ends(folder, "--print-config", "hello:app")
    assert status == 0
    assert re.search(r"default_proc_name += hello:app", text)
    assert program_ends(folder, "--check-config", "hello:none")[0] == 1
    status, text = program_ends(folder)
    assert status == 1
    assert text.startswith("Error: No application module specified.\nName a module")


def test_unknown_setting_is_an_attribute_error(program: Path) -> None:
    """As in gunicorn; the program's own line is shown, and the reason last."""
    program.write_text(
        program.read_text().replace('self.cfg.set("threads", open', 'self.cfg.set("thraeds", open')
    )
    (program.parent / "threads").write_text("3")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=program.parent,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert "AttributeError: No configuration setting for: thraeds" in done.stderr
