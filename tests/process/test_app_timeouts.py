# SPDX-License-Identifier: MIT
"""winghorn.timeout and TimeoutMiddleware inside workers, alone and within request_timeout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import Closed, Response, ask
from tests.support.server import Server
from tests.support.waiting import FACTOR, Stopwatch, wait_until

WORKERS = {"sync": ["--threads", "1"], "gthread": ["--threads", "2"]}
SOON = 1.0 * FACTOR

APP = '''
import os, time
import winghorn

def note(text):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(text + "\\n")

def work(kind):
    """`sleep` is cut short on the main thread only, `loop` everywhere."""
    if kind == "sleep":
        time.sleep(60)
    while kind == "loop":
        pass

def view(path, query):
    if path == "/short":
        try:
            with winghorn.timeout(0.2):
                work(query)
        except winghorn.TimeoutExpired as expired:
            return str(expired)
    if path == "/uncaught":
        with winghorn.timeout(0.2):
            work(query)
    if path == "/long":
        try:
            with winghorn.timeout(60):
                work(query)
        except BaseException as exception:
            note(type(exception).__name__)
            raise
    return "hello"

def app(environ, start_response):
    text = view(environ["PATH_INFO"], environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text.encode()]

def steps(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/cut":
        yield b"begun"
    if environ["PATH_INFO"] != "/":
        work(environ["QUERY_STRING"])
    yield b"whole"

bounded = winghorn.TimeoutMiddleware(steps, 0.3)
'''


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """What the application saw."""
    (tmp_path / "limited.py").write_text(APP)
    (tmp_path / "notes").touch()
    return tmp_path / "notes"


def start(serve: Serve, notes: Path, name: str, *options: str) -> Server:
    return serve(f"limited:{name}", *options, cwd=notes.parent, env={"NOTES": str(notes)})


def get(server: Server, target: str) -> Response:
    return ask(server.address, f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")


CASES = [("sync", "sleep"), ("sync", "loop"), ("gthread", "loop")]


@pytest.mark.parametrize(("worker", "kind"), CASES)
def test_a_block_of_a_view_is_limited(serve: Serve, notes: Path, worker: str, kind: str) -> None:
    """The view answers by itself, in time, and again."""
    server = start(serve, notes, "app", *WORKERS[worker])
    for _ in range(3):
        watch = Stopwatch()
        reply = get(server, f"/short?{kind}")
        assert reply.text == "the block has taken longer than 0.2 s (winghorn.timeout)"
        assert watch.seconds < 0.2 + SOON
        assert get(server, "/").text == "hello"


@pytest.mark.parametrize("worker", WORKERS)
def test_left_uncaught_it_is_an_error_like_others(serve: Serve, notes: Path, worker: str) -> None:
    """500, and the traceback in the log has the line where the code stood."""
    server = start(serve, notes, "app", *WORKERS[worker])
    assert get(server, "/uncaught?loop").status == 500
    server.wait_for_log(r"RequestTimeout: the block has taken longer than 0\.2 s")
    server.wait_for_log(r'File ".*limited\.py", line \d+, in work')
    server.wait_for_log(r"TimeoutExpired: the block has taken longer than 0\.2 s")


@pytest.mark.parametrize(("worker", "kind"), CASES)
def test_request_timeout_is_the_outermost_block(
    serve: Serve, notes: Path, worker: str, kind: str
) -> None:
    """A block that is not due lets the request's exception pass; one that is due ends before it."""
    server = start(serve, notes, "app", *WORKERS[worker], "--request-timeout", "0.6")
    assert get(server, f"/long?{kind}").status == 504
    wait_until(lambda: notes.read_text() == "RequestTimeout\n", lambda: notes.read_text())
    reply = get(server, f"/short?{kind}")
    assert (reply.status, reply.text[:9]) == (200, "the block")
    assert get(server, "/").text == "hello"
    assert "Traceback" not in server.log.text


@pytest.mark.parametrize(("worker", "kind"), CASES)
def test_middleware_answers_or_cuts(serve: Serve, notes: Path, worker: str, kind: str) -> None:
    """504 while nothing has been sent; a response that has begun is not taken for whole."""
    server = start(serve, notes, "bounded", *WORKERS[worker])
    assert get(server, "/").text == "whole"
    reply = get(server, f"/late?{kind}")
    assert (reply.status, reply.text) == (504, "504 Gateway Timeout\n")
    with pytest.raises(Closed) as cut:
        get(server, f"/cut?{kind}")
    assert b"begun" in cut.value.seen
    assert b"whole" not in cut.value.seen
    server.wait_for_log(r"TimeoutExpired: the response has taken longer than 0\.3 s")
    assert get(server, "/").text == "whole"
