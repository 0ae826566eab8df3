# SPDX-License-Identifier: MIT
"""Applications from PasteDeploy files, and the runner that such a file may name."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import run_to_end

GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"

SITE = """
import os

def factory(global_conf, **local_conf):
    words = [local_conf["greeting"], global_conf.get("who", "nobody"),
             os.path.basename(global_conf["__file__"])]
    def app(environ, start_response):
        start_response("200 OK", [])
        return [" ".join(words).encode()]
    return app

async def asgi(scope, receive, send):
    pass

def asgi_factory(global_conf):
    return asgi
"""

INI = """
[app:main]
paste.app_factory = pasted_site:factory
greeting = hello

[app:other]
paste.app_factory = pasted_site:factory
greeting = welcome

[app:async]
paste.app_factory = pasted_site:asgi_factory
"""

LOGGING = """
[loggers]
keys = root, gunicorn.error

[handlers]
keys = console

[formatters]
keys = marked

[logger_root]
level = INFO
handlers = console

[logger_gunicorn.error]
level = INFO
handlers = console
propagate = 0
qualname = gunicorn.error

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = marked

[formatter_marked]
format = {mark} %(message)s
"""

RUNNER = """
import sys
from winghorn.app.pasterapp import serve
from paste.deploy import loadapp, loadserver

file = sys.argv[1]
loadserver(f"config:{file}")(loadapp(f"config:{file}"))
"""


# What `egg:winghorn#main` leads to, for a tree that is not installed.
RUNS_HERE = "paste.server_runner = winghorn.app.pasterapp:serve"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an application in it and the file that describes it."""
    (tmp_path / "pasted_site.py").write_text(SITE)
    (tmp_path / "site.ini").write_text(INI)
    return tmp_path


@pytest.mark.parametrize("where", ["flag", "file", "variable"])
def test_an_application_by_its_file(serve: Serve, site: Path, where: str) -> None:
    """paste may be given like any other setting; a module that is named too does not count."""
    args = ["--paste", "site.ini"] if where == "flag" else []
    env = {"GUNICORN_CMD_ARGS": "--paster site.ini"} if where == "variable" else {}
    if where == "file":
        (site / "gunicorn.conf.py").write_text("paste = 'site.ini'\n")
    server = serve("no_such:app", *args, cwd=site, env=env)
    assert ask(server.address, GET).text == "hello nobody site.ini"


def test_section_and_variables(serve: Serve, site: Path) -> None:
    """FILE#SECTION chooses the application, --paste-global gives it variables."""
    server = serve(
        "--paste",
        "site.ini#other",
        "--paste-global",
        "who=a=b",
        "--paste-global",
        r"x\==1",
        cwd=site,
    )
    assert ask(server.address, GET).text == "welcome a=b site.ini"


def test_a_reload_reads_the_file_again(serve: Serve, site: Path) -> None:
    """HUP: new workers have the application as the file describes it now."""
    server = serve("--paste", "site.ini", cwd=site)
    old = server.workers()
    (site / "site.ini").write_text(INI.replace("greeting = hello", "greeting = again"))
    server.signal(signal.SIGHUP)
    server.wait_for_workers(1, other_than=old)
    assert ask(server.address, GET).text == "again nobody site.ini"


def test_its_loggers_are_the_logconfig(serve: Serve, site: Path) -> None:
    """[loggers] configure Python's logging; a logconfig of the user's own outdoes them."""
    (site / "site.ini").write_text(INI + LOGGING.format(mark="FROM-INI"))
    (site / "own.ini").write_text(LOGGING.format(mark="OF-MINE"))
    server = serve("--paste", "site.ini", cwd=site)
    server.wait_for_log("^FROM-INI Booting worker")
    server = serve("--paste", "site.ini", "--log-config", "own.ini", cwd=site)
    server.wait_for_log("^OF-MINE Booting worker")


WRONG = {
    "no.ini": (1, r"Error: '.*/no\.ini' not found \(setting 'paste', from --paste on the command"),
    "site.ini#none": (3, "LookupError: No section 'none'"),
    "site.ini#async": (4, r"site\.ini#async' describes an ASGI application \(pasted_site\.asgi\)"),
}


@pytest.mark.parametrize("named", WRONG)
def test_what_cannot_be_served(site: Path, named: str) -> None:
    """A file, section or application that will not do ends the start, and is told."""
    status, text = WRONG[named]
    done = run_to_end("--bind", "127.0.0.1:0", "--paste", named, cwd=site)
    assert done.returncode == status
    assert re.search(text, done.stderr)


def test_without_pastedeploy_it_says_what_to_install(site: Path) -> None:
    """Where the package is missing, the message has the command that installs it."""
    (site / "gunicorn.conf.py").write_text("import sys\nsys.modules['paste.deploy'] = None\n")
    done = run_to_end("--check-config", "--paste", "site.ini", cwd=site)
    assert done.returncode == 1
    assert "pip install PasteDeploy" in done.stderr


def test_the_runner_of_a_server_section(
    serve: Serve, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of [server:main] are settings and outdo the config file; host and port are bind."""
    (site / "run.py").write_text(RUNNER)
    (site / "own.conf.py").write_text("workers = 1\nthreads = 3\n")
    section = (
        f"\n[server:main]\n{RUNS_HERE}\nhost = 127.0.0.1\nport = 0\nworkers = 2\n"
        "config = own.conf.py\n"
    )
    (site / "site.ini").write_text(INI + section + LOGGING.format(mark="M"))
    command = [sys.executable, "run.py", str(site / "site.ini")]
    monkeypatch.setenv("WINGHORN_TEST_COMMAND", shlex.join(command))
    server = serve(bind=None, cwd=site, workers=2)
    server.wait_for_log("^M Using worker: gthread")
    assert ask(server.address, GET).text == "hello nobody site.ini"


def test_an_unknown_key_of_the_section_is_named(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gunicorn's runner has it."""
    (site / "run.py").write_text(RUNNER)
    (site / "site.ini").write_text(INI + f"\n[server:main]\n{RUNS_HERE}\nwrokers = 2\n")
    command = [sys.executable, "run.py", str(site / "site.ini")]
    monkeypatch.setenv("WINGHORN_TEST_COMMAND", shlex.join(command))
    done = run_to_end(cwd=site)
    assert done.returncode == 1
    assert done.stderr.endswith("Error: No configuration setting for: wrokers\n")
