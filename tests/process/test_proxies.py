# SPDX-License-Identifier: MIT
"""The configurations of docs/timeouts.md, as they stand there, in the real nginx and HAProxy."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import RawClient, Response, ask
from tests.support.proxies import program
from tests.support.server import ROOT, Server
from tests.support.waiting import FACTOR, PATIENCE, Stopwatch, wait_until

PAGE = (ROOT / "docs" / "timeouts.md").read_text(encoding="utf-8")
SOON = 1.0 * FACTOR

APP = """
import sys, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        time.sleep(60)
    if environ["PATH_INFO"] == "/left":
        sys.stderr.write("begun\\n")
        while not environ["winghorn.client_disconnected"]():
            time.sleep(0.01)
        sys.stderr.write("nobody waits\\n")
    port = environ["REMOTE_PORT"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(port)))])
    return [port.encode()]
"""


def block(language: str) -> str:
    """The page's one block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def replaced(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, server: Server, listen: Path) -> list[str]:
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = replaced(
        block("nginx"),
        ("listen 8080;", f"listen unix:{listen};"),
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{server.port};"),
        ("http {", f"http {{ access_log off; {temporary}"),
    )
    (folder / "nginx.conf").write_text(f"pid {folder}/pid; error_log stderr;\n{config}")
    return ["-c", f"{folder}/nginx.conf", "-e", "stderr", "-g", "daemon off;"]


def haproxy(folder: Path, server: Server, listen: Path) -> list[str]:
    config = replaced(
        block("haproxy"),
        ("bind :8080", f"bind {listen}"),
        (" 127.0.0.1:8000 ", f" 127.0.0.1:{server.port} "),
    )
    (folder / "haproxy.cfg").write_text(config)
    return ["-db", "-f", f"{folder}/haproxy.cfg"]


PROXIES = {"nginx": nginx, "haproxy": haproxy}


@contextmanager
def running(command: list[str], listen: Path) -> Iterator[None]:
    """Until the block ends; a socket file that it leaves is removed."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or answers(listen), f"{command[0]} answers")
        assert process.poll() is None, f"{command} has ended"
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)
        listen.unlink(missing_ok=True)


def answers(listen: Path) -> bool:
    try:
        return ask(str(listen), "GET / HTTP/1.1\r\nHost: test\r\n\r\n").status == 200
    except OSError:
        return False


def get(client: RawClient, path: str) -> Response:
    client.get(path)
    return client.read_response()


def ports(client: RawClient) -> set[str]:
    """The ports from which five requests reach the server."""
    return {get(client, "/").text for _ in range(5)}


@contextmanager
def proxy(name: str, server: Server, folder: Path) -> Iterator[Path]:
    """The proxy in front of the server; its unix socket."""
    listen = folder / "socket"
    with running([program(name), *PROXIES[name](folder, server, listen)], listen):
        yield listen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Has the application."""
    (tmp_path / "behind.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize("name", PROXIES)
def test_a_stuck_request_gets_our_answer_through_a_proxy(
    serve: Serve, folder: Path, name: str
) -> None:
    """504 at our deadline with our page; connections to us are used again, before and after."""
    server = serve("behind:app", "--request-timeout", "0.5", cwd=folder)
    with proxy(name, server, folder) as listen, RawClient(str(listen)) as client:
        assert len(ports(client)) == 1
        watch = Stopwatch()
        reply = get(client, "/stuck")
        assert watch.seconds < 0.5 + SOON
        assert reply.status == 504
        assert reply.body == ask(server.address, "GET /stuck HTTP/1.1\r\nHost: test\r\n\r\n").body
        assert len(ports(client)) == 1
        server.wait_for_log("Request timed out: GET /stuck", count=2)


def test_a_client_that_left_haproxy_is_known_to_have_left(serve: Serve, folder: Path) -> None:
    """`option abortonclose` resets its connection to us; nginx would close it in an orderly way."""
    server = serve("behind:app", cwd=folder)
    with proxy("haproxy", server, folder) as listen, RawClient(str(listen)) as client:
        client.get("/left")
        server.wait_for_log("begun")
        client.close()
        server.wait_for_log("nobody waits")


SECONDS: dict[str, Callable[[], str]] = {
    r"--request-timeout (\d+)": lambda: PAGE,
    r"--keep-alive (\d+)": lambda: PAGE,
    r"proxy_read_timeout (\d+)s": lambda: block("nginx"),
    r"timeout server (\d+)s": lambda: block("haproxy"),
    r"keepalive_timeout (\d+)s": lambda: block("nginx"),
    r"pool-purge-delay (\d+)s": lambda: block("haproxy"),
}


def test_the_times_on_the_page_fit() -> None:
    """Proxies wait longer than we do, and let go of idle connections earlier."""
    found = {pattern: set(re.findall(pattern, text())) for pattern, text in SECONDS.items()}
    assert all(len(values) == 1 for values in found.values()), found
    ours, kept, *theirs = (int(values.pop()) for values in found.values())
    assert min(theirs[:2]) > ours
    assert max(theirs[2:]) < kept
