# SPDX-License-Identifier: MIT
"""A program that serves by itself, as gunicorn's BaseApplication lets it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import Server, environment

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


def test_unknown_setting_is_an_attribute_error(program: Path) -> None:
    """As in gunicorn."""
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
