# SPDX-License-Identifier: MIT
"""Access and error log: what a line says, where it goes, and that no request waits for it."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import ask
from tests.support.server import Server, run_to_end
from tests.support.waiting import wait_until

HOST = "Host: test\r\n"


def get(server: Server, path: str, *lines: str) -> None:
    more = "".join(line + "\r\n" for line in lines)
    assert ask(server.address, f"GET {path} HTTP/1.1\r\n{HOST}{more}\r\n").status == 200


# ---- the access line ------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "3"])
def test_default_access_line(serve: Serve, threads: str) -> None:
    """gunicorn's default format: address, time, request, status, length, referer, agent."""
    server = serve("trouble:app", "--threads", threads, "--access-logfile", "-")
    get(server, "/hello?a=1", "User-Agent: tester/1", "Referer: http://from/")
    line = server.wait_for_out("/hello")
    assert re.fullmatch(
        r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
        r'"GET /hello\?a=1 HTTP/1\.1" 200 6 "http://from/" "tester/1"',
        line,
    )


ATOMS = {
    "%(h)s": "127.0.0.1",
    "%(l)s": "-",
    "%(u)s": "user",
    "%(r)s": "GET /status?is=204%20None HTTP/1.1",
    "%(m)s": "GET",
    "%(U)s": "/status",
    "%(q)s": "is=204%20None",
    "%(H)s": "HTTP/1.1",
    "%(s)s": "204",
    "%(b)s": "0",
    "%(B)s": "0",
    "%(f)s": "-",
    "%(a)s": "-",
    "%({x-Thing}i)s": "thing",
    "%({Content-Type}o)s": "text/plain",
    "%({request_method}e)s": "GET",
    "%({missing}i)s": "-",
    "%(nonsense)s": "-",
    "100%%": "100%",
}


def test_atoms(serve: Serve) -> None:
    """Each atom of the format means what it means in gunicorn."""
    form = "|".join([*ATOMS, "%(p)s", "%(T)s", "%(D)s", "%(L)s", "%(M)s", "%(t)s", "end"])
    server = serve("trouble:app", "--access-logfile", "-", "--access-logformat", form)
    ask(
        server.address,
        f"GET /status?is=204%20None HTTP/1.1\r\n{HOST}X-Thing: thing\r\n"
        "Authorization: Basic dXNlcjpwYXNz\r\n\r\n",
    )
    parts = server.wait_for_out(r"\|end$").split("|")
    assert dict(zip(ATOMS, parts, strict=False)) == ATOMS
    pid, seconds, micros, decimal, millis, when, _ = parts[len(ATOMS) :]
    assert pid == f"<{server.workers()[0]}>"
    assert seconds.isdigit()
    assert micros.isdigit()
    assert re.fullmatch(r"\d+\.\d{6}", decimal)
    assert millis.isdigit()
    assert re.fullmatch(r"\[.+\]", when)


def test_length_in_the_line(serve: Serve, tmp_path: Path) -> None:
    """The length is that of the body sent: chunked, from a file, empty."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 54321)
    form = "%(m)s %(U)s %(B)s"
    server = serve("trouble:app", "--access-logfile", "-", "--access-logformat", form)
    get(server, "/stream?items=2")
    server.wait_for_out(r"^GET /stream 14$")
    get(server, f"/file?path={path}")
    server.wait_for_out(r"^GET /file 54321$")
    ask(server.address, f"HEAD /big HTTP/1.1\r\n{HOST}\r\n", "HEAD")
    server.wait_for_out(r"^HEAD /big 0$")


@pytest.mark.parametrize(
    ("path", "status"), [("/raises", "500"), ("/returns-none", "500"), ("/nowhere", "404")]
)
def test_failed_requests_have_lines(serve: Serve, path: str, status: str) -> None:
    """A request that failed has its line, with the status the client got."""
    server = serve("trouble:app", "--access-logfile", "-")
    ask(server.address, f"GET {path} HTTP/1.1\r\n{HOST}\r\n")
    server.wait_for_out(rf'"GET {path} HTTP/1\.1" {status} ')


def test_timed_out_request_has_its_line(serve: Serve) -> None:
    """A request that got 504 because its worker was stuck has a line, too."""
    server = serve("trouble:app", "--access-logfile", "-", "--timeout", "1")
    ask(server.address, f"GET /sleep?seconds=60 HTTP/1.1\r\n{HOST}\r\n")
    server.wait_for_out(r'"GET /sleep\?seconds=60 HTTP/1\.1" 504 ')


def test_one_line_for_each_request(serve: Serve) -> None:
    """Five hundred requests on several connections: as many lines, none broken."""
    server = serve("trouble:app", "--threads", "4", "--access-logfile", "-")
    with httpx.Client() as client:
        for number in range(500):
            client.get(f"{server.url}/hello?number={number}")
    server.stop()
    assert server.out is not None
    found = [
        re.search(r'"GET /hello\?number=(\d+) HTTP/1\.1" 200 6 ', x) for x in server.out.lines()
    ]
    assert sorted(int(match[1]) for match in found if match) == list(range(500))
    assert len(found) == 500


@pytest.mark.parametrize("where", ["access", "error"])
def test_nothing_in_a_line_can_break_it(serve: Serve, where: str) -> None:
    """Quotes, control bytes, escape sequences and broken UTF-8 are escaped: one line stays one."""
    server = serve("trouble:app", "--access-logfile", "-")
    target = '/raises?"\\q' if where == "error" else '/hello?"\\q'
    ask(
        server.address,
        f'GET {target} HTTP/1.1\r\n{HOST}User-Agent: a"b\\c\tand\xff\xfe\r\n'
        "Referer: \xe2\x80\xa8\r\n\r\n",
    )
    get(server, "/hello?next")
    server.wait_for_out("next")
    assert server.out is not None
    assert len(server.out.lines()) == 2
    line = server.out.lines()[0]
    assert "\t" not in line
    assert "\xff" not in line
    # The format's own quotes and none else: each of the others has a backslash before it.
    assert len(re.findall(r'(?<!\\)"', line)) == 6


def test_refused_input_is_escaped_in_the_error_log(serve: Serve) -> None:
    """What a refused request said appears escaped in its warning."""
    server = serve("trouble:app")
    ask(server.address, "GET / HTTP/1.1\r\nX\x1b[2J\x07: 1\r\n\r\n")
    line = server.wait_for_log(r"Invalid request from ip=127\.0\.0\.1")
    assert "\x1b" not in line
    assert "\x07" not in line


# ---- files ----------------------------------------------------------------------------------


def wait_for_text(path: Path, text: str) -> None:
    wait_until(lambda: path.exists() and text in path.read_text(), f"{text} in {path.name}")


def test_logs_in_files(serve: Serve, tmp_path: Path) -> None:
    """Both logs go to files; appended to, never truncated."""
    access, error = tmp_path / "access.log", tmp_path / "error.log"
    access.write_text("older line\n")
    server = serve(
        "trouble:app",
        "--access-logfile",
        str(access),
        "--error-logfile",
        str(error),
        ready=False,
    )
    wait_for_text(error, "Booting worker")
    found = re.search(r"http://127\.0\.0\.1:(\d+)", error.read_text())
    assert found is not None
    reply = httpx.get(f"http://127.0.0.1:{found[1]}/raises")
    assert reply.status_code == 500
    wait_for_text(access, "GET /raises")
    assert access.read_text().startswith("older line\n")
    wait_for_text(error, "ValueError: raised before the head")
    server.stop()
    assert "Shutting down: Master" in error.read_text()


def test_usr1_reopens_files(serve: Serve, tmp_path: Path) -> None:
    """Moved away and USR1: new lines go to a new file, none is lost."""
    access = tmp_path / "access.log"
    server = serve("trouble:app", "--workers", "2", "--access-logfile", str(access), workers=2)
    server.wait_for_workers(2)
    get(server, "/hello?before")
    wait_for_text(access, "before")
    moved = access.rename(tmp_path / "access.log.1")
    get(server, "/hello?between")
    wait_for_text(moved, "between")
    server.signal(signal.SIGUSR1)
    server.wait_for_log(r"Handling signal: usr1")
    wait_until(access.exists, "the file was opened again")
    for number in range(20):
        get(server, f"/hello?after{number}")
    wait_until(
        lambda: "after19" in access.read_text() + moved.read_text(), "the last line is written"
    )
    text = moved.read_text() + access.read_text()
    assert all(f"after{number} " in text for number in range(20))
    for pid in (server.pid, *server.workers()):
        wait_until(partial(_has_left, pid, moved), "nobody writes to the moved file")


def _has_left(pid: int, path: Path) -> bool:
    return str(path) not in processes.descriptors(pid).values()


def test_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    """A log file in a folder that is not there: a line, status 1, no traceback."""
    done = run_to_end(
        "--bind", "127.0.0.1:0", "--access-logfile", str(tmp_path / "no" / "log"), "hello:app"
    )
    assert done.returncode == 1
    assert "isn't writable" in done.stderr
    assert "Traceback" not in done.stderr


def test_log_level(serve: Serve) -> None:
    """--log-level warning leaves the start lines out."""
    server = serve("trouble:app", "--log-level", "warning", bind="127.0.0.1:0", ready=False)
    wait_until(lambda: server.workers(), "a worker")
    server.stop()
    assert "[INFO]" not in server.log.text


# ---- pipes that nobody reads ----------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "2"])
def test_full_access_pipe_stops_no_request(serve: Serve, threads: str) -> None:
    """An access log in a pipe that nobody reads: requests go on, the stop works."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(write_end, "wb") as pipe:
        server = serve("trouble:app", "--threads", threads, "--access-logfile", "-", stdout=pipe)
    try:
        with httpx.Client() as client:
            for _ in range(3000):
                assert client.get(server.url + "/hello").status_code == 200
        assert server.stop() == 0
    finally:
        os.close(read_end)


def test_closed_access_pipe_stops_no_request(serve: Serve) -> None:
    """The reader of the access log is gone: requests go on."""
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert reader.stdin is not None
    server = serve("trouble:app", "--access-logfile", "-", stdout=reader.stdin)
    reader.stdin.close()
    get(server, "/hello")
    reader.kill()
    reader.wait()
    with httpx.Client() as client:
        for _ in range(200):
            assert client.get(server.url + "/hello").status_code == 200
    assert server.stop() == 0


# ---- Python's side --------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "2"])
def test_prints_and_errors_appear_at_once(serve: Serve, threads: str) -> None:
    """print() on both streams and wsgi.errors are not kept back in buffers."""
    server = serve("trouble:app", "--threads", threads)
    get(server, "/errors")
    # They share a pipe and go two ways to it, so what was printed may come between these two.
    server.wait_for_log(r"to wsgi\.errors without a line end;")
    server.wait_for_log(r" now with one$")
    server.wait_for_log(r"printed to stderr")
    server.wait_for_out(r"printed to stdout")


def test_borrowed_logger_writes_our_lines(serve: Serve) -> None:
    """logging.getLogger("gunicorn.error") has a handler that ends in our log, in our format."""
    server = serve("trouble:app")
    get(server, "/errors")
    line = server.wait_for_log("borrowed logger")
    assert re.fullmatch(r"\[\d{4}-.+\] \[\d+\] \[WARNING\] borrowed logger", line)


def test_flask_recipe(serve: Serve) -> None:
    """The recipe that gives gunicorn's handlers and level to Flask's logger works."""
    pytest.importorskip("flask")
    server = serve("flask_site:app")
    assert httpx.get(server.url + "/log").text == "logged"
    server.wait_for_log(r"\[INFO\] flask says hello")


def test_traceback_of_a_view_is_in_the_error_log(serve: Serve) -> None:
    """An exception's traceback follows its line, from the user's code."""
    server = serve("trouble:app")
    ask(server.address, f"GET /raises?x=1 HTTP/1.1\r\n{HOST}\r\n")
    server.wait_for_log(r"\[ERROR\] Error handling request GET /raises\?x=1")
    server.wait_for_log(r"Traceback \(most recent call last\):")
    server.wait_for_log(r'File ".*trouble\.py", line \d+, in raises')
    server.wait_for_log(r"^ValueError: raised before the head$")


def test_lines_of_a_killed_worker_are_not_lost(serve: Serve) -> None:
    """What a worker logged before kill -9 is written all the same."""
    server = serve("trouble:app", "--access-logfile", "-")
    for number in range(50):
        get(server, f"/hello?number={number}")
    # An answer arrives a moment before its line is written down; the next one comes after it.
    get(server, "/hello?last")
    os.kill(server.workers()[0], signal.SIGKILL)
    for number in range(50):
        server.wait_for_out(rf"/hello\?number={number} ")
