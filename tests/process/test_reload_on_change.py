# SPDX-License-Identifier: MIT
"""--reload: the application's files change, and the server runs the new code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import Server, run_to_end
from tests.support.waiting import wait_until

GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
FRESH = {"PYTHONDONTWRITEBYTECODE": "1"}  # two versions of a file within one second are two

APP = """
import part
def app(environ, start_response):
    start_response("200 OK", [])
    return [part.ANSWER]
"""


def says(server: Server, answer: bytes) -> None:
    wait_until(lambda: ask(server.address, GET).body == answer, f"the answer is {answer!r}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application of two modules."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "part.py").write_text("ANSWER = b'one'\n")
    return tmp_path


@pytest.mark.parametrize("engine", ["poll", "inotify", "auto"])
def test_change_of_a_module_is_served(serve: Serve, folder: Path, engine: str) -> None:
    """A module that the application imports is saved: the next requests see it."""
    server = serve(
        "app:app", "--reload", "--reload-engine", engine, cwd=folder, env=FRESH, workers=1
    )
    server.wait_for_log("Reloader is on. Use in development only!")
    says(server, b"one")
    (folder / "part.py").write_text("ANSWER = b'another'\n")
    server.wait_for_log(r"Worker reloading: .*/part\.py modified")
    says(server, b"another")


def test_mistake_is_no_outage(serve: Serve, folder: Path) -> None:
    """Code that does not load replaces nobody; when it is mended, it does."""
    server = serve("app:app", "--reload", cwd=folder, env=FRESH, workers=1)
    says(server, b"one")
    (folder / "part.py").write_text("ANSWER = (\n")
    server.wait_for_log("Reload failed: the new worker")
    says(server, b"one")
    (folder / "part.py").write_text("ANSWER = b'mended'\n")
    says(server, b"mended")


@pytest.mark.parametrize("more", [(), ("--preload",), ("--workers", "2")])
def test_mistake_at_the_first_start_is_a_page(
    serve: Serve, folder: Path, more: tuple[str, ...]
) -> None:
    """A syntax error is shown to every client, and gone when it is mended."""
    (folder / "part.py").write_text("ANSWER = (\n")
    server = serve("app:app", "--reload", *more, cwd=folder, env=FRESH)
    reply = ask(server.address, GET)
    assert reply.status == 500
    assert ("Content-Type", "text/plain; charset=utf-8") in reply.fields
    assert b"part.py" in reply.body
    assert b"SyntaxError" in reply.body
    server.wait_for_log("SyntaxError: ")
    (folder / "part.py").write_text("ANSWER = (((\n")
    server.wait_for_log("Reload failed: the new")
    assert ask(server.address, GET).status == 500
    (folder / "part.py").write_text("ANSWER = b'mended'\n")
    says(server, b"mended")


def test_other_mistakes_end_the_first_start(folder: Path) -> None:
    """What is no slip while typing has its traceback and status 3."""
    (folder / "part.py").write_text("ANSWER = no_such_name\n")
    done = run_to_end("app:app", "--reload", "-b", "127.0.0.1:0", cwd=folder)
    assert done.returncode == 3
    assert "NameError" in done.stderr


def test_extra_files_and_patterns(serve: Serve, folder: Path) -> None:
    """What --reload-extra-file names is watched too; what does not exist is refused."""
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("a")
    server = serve(
        "app:app", "--reload", "--reload-extra-file", "texts/*.txt", cwd=folder, env=FRESH
    )
    says(server, b"one")
    (folder / "texts" / "a.txt").write_text("another")
    server.wait_for_log(r"Worker reloading: .*/texts/a\.txt modified")
    server.wait_for_log("Reload complete")
    done = run_to_end("app:app", "--reload-extra-file", "no.txt", cwd=folder)
    assert done.returncode == 1
    assert "File no.txt does not exists." in done.stderr
