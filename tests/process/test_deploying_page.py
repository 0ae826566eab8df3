# SPDX-License-Identifier: MIT
"""docs/deploying.md: its commands start servers, its configurations work in front of them."""

from __future__ import annotations

import json
import shlex
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.process.test_proxies import get, replaced, running
from tests.support.client import RawClient
from tests.support.documents import blocks
from tests.support.proxies import program
from tests.support.server import ROOT, run_to_end

PAGE = ROOT / "docs" / "deploying.md"
COMMANDS = [
    shlex.split(line)
    for block in blocks(PAGE)
    if block.kind == "sh" and not block.not_run
    for line in block.text.splitlines()
]
# Behind a Unix socket nginx knows no address: a header gives it one.
CLIENT = "set_real_ip_from unix:; real_ip_header X-Test;"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

APP = """
def application(environ, start_response):
    seen = (environ["REMOTE_ADDR"] + " " + environ.get("HTTP_X_FORWARDED_FOR", "")).encode()
    start_response("200 OK", [("Content-Length", str(len(seen)))])
    return [seen]
"""


def block(kind: str) -> str:
    (found,) = [one.text for one in blocks(PAGE) if one.kind == kind]
    return found


def command(option: str) -> list[str]:
    """The arguments of the page's one command with that option."""
    (found,) = [words for words in COMMANDS if option in words]
    assert found[0] == "winghorn"
    return found[1:]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Has the application."""
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def test_every_command_is_tried_here() -> None:
    """One for each test below; a new one needs a new test, or a comment that says why not."""
    assert [
        ["winghorn", *command("--check-config")],
        ["winghorn", *command("--forwarded")],
        ["winghorn", *command("--proxy-protocol")],
    ] == COMMANDS


def test_the_check_before_the_start(folder: Path) -> None:
    """Status 0 for what would start, another for what would not."""
    assert run_to_end(*command("--check-config"), cwd=folder).returncode == 0
    (folder / "app.py").write_text("import nothing_of_that_name\n")
    assert run_to_end(*command("--check-config"), cwd=folder).returncode != 0


def test_nginx_over_a_unix_socket(serve: Serve, folder: Path) -> None:
    """The client that nginx saw is REMOTE_ADDR, and what it claimed itself is gone."""
    serve(*command("--forwarded"), bind=None, cwd=folder)
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in TEMPORARY)
    config = replaced(
        block("nginx"),
        (
            "listen 8080;",
            f"listen unix:{folder}/in; set_real_ip_from unix:; real_ip_header X-Test;",
        ),
        ("unix:/run/winghorn.sock", f"unix:{folder}/winghorn.sock"),
        ("http {", f"http {{ access_log off; {temporary}"),
    )
    (folder / "nginx.conf").write_text(f"user root; pid {folder}/pid; error_log stderr;\n{config}")
    words = [program("nginx"), "-c", f"{folder}/nginx.conf", "-e", "stderr", "-g", "daemon off;"]
    with running(words, folder / "in"), RawClient(f"{folder}/in") as client:
        client.get("/", "X-Test: 192.0.2.7", "X-Forwarded-For: 203.0.113.9")
        assert client.read_response().text == "192.0.2.7 192.0.2.7"


def test_haproxy_that_knows_no_http(serve: Serve, folder: Path) -> None:
    """The PROXY header is understood: the request is answered."""
    server = serve(*command("--proxy-protocol"), cwd=folder)
    config = replaced(
        block("haproxy"),
        ("bind :8080", f"bind {folder}/in"),
        (" 127.0.0.1:8000 ", f" 127.0.0.1:{server.port} "),
    )
    (folder / "haproxy.cfg").write_text(config)
    words = [program("haproxy"), "-db", "-f", f"{folder}/haproxy.cfg"]
    with running(words, folder / "in"), RawClient(f"{folder}/in") as client:
        assert get(client, "/").status == 200


def test_the_containers_command(serve: Serve, folder: Path) -> None:
    """It serves, and its stop fits into Docker's ten seconds."""
    (line,) = [one for one in block("dockerfile").splitlines() if one.startswith("CMD ")]
    words = json.loads(line.removeprefix("CMD "))
    assert words[0] == "winghorn"
    assert int(words[words.index("--graceful-timeout") + 1]) < 10
    where = words.index("--bind")
    del words[where : where + 2]  # its port may be taken; serve() chooses one
    with ExitStack() as stack:
        server = serve(*words[1:], cwd=folder)
        client = stack.enter_context(server.client())
        assert get(client, "/").status == 200
    server.signal(signal.SIGTERM)
    assert server.wait_exit() == 0
