# SPDX-License-Identifier: MIT
"""`request_timeout`: who is answered, when, what the record says, and that the worker goes on."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import ask
from tests.support.server import APPS, ROOT, Server
from tests.support.waiting import FACTOR, Stopwatch, wait_until

HOST = "Host: test\r\n"

# What is stuck, and the text of the line that the record must name.
KINDS = {
    "sleep": "# sleeps here",
    "loop": "loops here",
    "pbkdf2": "# hashes here",
    "spin_in_c": "# spins",
    "block_in_c": "# blocks",
    "deadlock": "# locks here",
    "silent_server": "# waits here",
}
WORKERS = {"sync": ["--threads", "1"], "gthread": ["--threads", "4"]}

SOON = 0.25 * FACTOR


def get(path: str) -> str:
    return f"GET /{path} HTTP/1.1\r\n{HOST}\r\n"


def line_of(text: str) -> int:
    for number, line in enumerate((APPS / "stuck.py").read_text().splitlines(), 1):
        if text in line:
            return number
    raise AssertionError(text)


@pytest.fixture(scope="session")
def stuck_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("native") / "stuck.so"
    source = ROOT / "tests/support/native/stuck.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture
def silent_server() -> Iterator[str]:
    """HOST:PORT of a server that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def env(stuck_library: Path, silent_server: str, tmp_path: Path) -> dict[str, str]:
    notes = tmp_path / "notes"
    notes.touch()
    return {
        "STUCK_LIBRARY": str(stuck_library),
        "SILENT_SERVER": silent_server,
        "STUCK_LOG": str(notes),
        "no_proxy": "*",
    }


def record_of(server: Server, path: str, count: int = 1) -> str:
    """The first line of the record about a request."""
    return server.wait_for_log(rf"Request timed out: GET /{path} from 127\.0\.0\.1", count=count)


def age_of(server: Server, path: str) -> float:
    """By the server's own log: how old the request was when it was answered."""
    line = record_of(server, path)
    found = re.search(r" after (\d+\.\d+) s ", line)
    assert found is not None, line
    return float(found[1])


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stuck_request_is_answered_and_told(
    serve: Serve, env: dict[str, str], kind: str, worker: str
) -> None:
    """504 at the deadline, a record with the line where the code stands; the worker serves on."""
    options = ["--request-timeout", "0.5", "--request-timeout-grace", "0.3"]
    server = serve("stuck:app", *WORKERS[worker], *options, env=env)
    ask(server.address, get("deadline"))
    watch = Stopwatch()
    reply = ask(server.address, get(kind))
    took = watch.seconds
    assert reply.status == 504
    assert reply.get("Connection") == "close"
    assert 0.5 <= took < 0.5 + SOON
    assert 0.5 <= age_of(server, kind) < 0.5 + 0.05 * FACTOR
    line = line_of(KINDS[kind])
    lines = f"({line - 1}|{line})" if kind == "loop" else str(line)
    server.wait_for_log(rf'File ".*stuck\.py", line {lines},? in {kind}')
    wait_until(
        lambda: ask(server.address, get("deadline")).status == 200, "the worker serves again"
    )
    assert "Traceback" not in server.log.text


@pytest.mark.parametrize("kind", ["sleep", "loop", "block_in_c", "deadlock"])
def test_other_threads_lose_nothing(serve: Serve, env: dict[str, str], kind: str) -> None:
    """Beside a stuck thread a thousand requests are served by the others."""
    options = ["--request-timeout", "1", "--request-timeout-grace", "0.2"]
    server = serve("stuck:app", "--threads", "4", *options, env=env)
    with server.client() as stuck:
        stuck.send(get(kind))
        with server.client() as other:
            for _ in range(1000):
                other.send(get("deadline"))
                assert other.read_response().status == 200
        assert stuck.read_response().status == 504


@pytest.mark.parametrize("worker", WORKERS)
def test_no_exception_reaches_another_request(
    serve: Serve, env: dict[str, str], worker: str
) -> None:
    """Requests that end just when their time is over: what stops one never hits the next."""
    server = serve("stuck:app", *WORKERS[worker], "--request-timeout", "0.02", env=env)
    seen = {200: 0, 504: 0}
    for _ in range(200):
        seen[ask(server.address, get("edge")).status] += 1
    assert min(seen.values()) > 5, seen
    assert "Traceback" not in server.log.text


def test_waiting_in_the_queue_counts(serve: Serve, env: dict[str, str]) -> None:
    """A request that waits for a slot until its time is over never reaches the application."""
    server = serve("stuck:app", "--request-timeout", "0.5", env=env)
    with server.client() as first, server.client() as second:
        first.send(get("block_in_c"))
        second.send(get("swallow"))
        assert first.read_response().status == 504
        assert second.read_response().status == 504
    record_of(server, "swallow")
    server.wait_for_log(r"it never reached the application")
    wait_until(lambda: "block_in_c: " in Path(env["STUCK_LOG"]).read_text(), "its end")
    assert "swallow" not in Path(env["STUCK_LOG"]).read_text()


@pytest.mark.parametrize("worker", WORKERS)
def test_except_exception_does_not_swallow_it(
    serve: Serve, env: dict[str, str], worker: str
) -> None:
    """RequestTimeout passes `except Exception`, runs `finally`, and names its limit and setting."""
    server = serve("stuck:app", *WORKERS[worker], "--request-timeout", "0.4", env=env)
    notes = Path(env["STUCK_LOG"])
    if worker == "sync":
        assert ask(server.address, get("swallow")).status == 504
        wait_until(lambda: "swallow: cleaned up" in notes.read_text(), "finally ran")
        assert "swallowed" not in notes.read_text()
    assert ask(server.address, get("loop")).status == 504
    wait_until(lambda: "loop: " in notes.read_text(), "the exception")
    assert "loop: the request has taken longer than 0.4 s (setting request_timeout)" in (
        notes.read_text()
    )


def test_paths_have_their_own_times(serve: Serve, env: dict[str, str], tmp_path: Path) -> None:
    """The longest prefix of request_timeouts counts; 0 is for ever."""
    config = tmp_path / "winghorn.conf.py"
    config.write_text(
        "request_timeout = 0.2\nrequest_timeouts = {'/extend': 30, '/block': 0, '/dead': 7.5}\n"
    )
    server = serve("stuck:app", "-c", str(config), env=env)
    assert ask(server.address, get("sleep")).status == 504
    assert ask(server.address, get("block_in_c")).status == 200
    assert ask(server.address, get("extend")).status == 200
    remaining = float(ask(server.address, get("deadline")).text.split()[0])
    assert 7 < remaining <= 7.5


def test_an_application_asks_for_more_time(serve: Serve, env: dict[str, str]) -> None:
    """extend() moves the deadline, by what request_timeout_extension lets."""
    options = ["--request-timeout", "1", "--request-timeout-extension", "3"]
    server = serve("stuck:app", *options, env=env)
    reply = ask(server.address, get("extend"))
    assert (reply.status, reply.text) == (200, "[1.0, 2.0, 0.0]")


def test_without_a_deadline_there_is_all_the_time(serve: Serve, env: dict[str, str]) -> None:
    """The object is there all the same."""
    server = serve("stuck:app", env=env)
    assert ask(server.address, get("deadline")).text == "inf False"


def test_objects_kept_past_their_request_are_dead(serve: Serve, env: dict[str, str]) -> None:
    """Somebody else's deadline cannot be moved, nor its client looked at."""
    server = serve("stuck:app", env=env)
    assert ask(server.address, get("kept")).text == "nothing"
    assert ask(server.address, get("kept")).text == (
        "winghorn.deadline: the request has ended; client_disconnected: the request has ended"
    )


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("how", ["reset", "close"])
def test_the_application_learns_that_its_client_is_gone(
    serve: Serve, env: dict[str, str], how: str, worker: str
) -> None:
    """environ["winghorn.client_disconnected"]() turns true while the request runs."""
    server = serve("stuck:app", *WORKERS[worker], env=env)
    notes = Path(env["STUCK_LOG"])
    with server.client() as client:
        client.send(get("gone"))
        wait_until(lambda: "gone: not yet" in notes.read_text(), "it runs")
        client.reset() if how == "reset" else client.close()
    wait_until(lambda: "gone: True" in notes.read_text(), "it was told")


def test_the_status_can_be_chosen(serve: Serve, env: dict[str, str]) -> None:
    """request_timeout_status."""
    options = ["--request-timeout", "0.2", "--request-timeout-status", "408"]
    server = serve("stuck:app", *options, env=env)
    assert ask(server.address, get("sleep")).status == 408


def test_a_slow_request_is_told_and_goes_on(serve: Serve, env: dict[str, str]) -> None:
    """--slow-request: one record with the line where it stands, and its answer comes."""
    server = serve("stuck:app", "--slow-request", "0.3", env=env)
    assert ask(server.address, get("block_in_c")).status == 200
    server.wait_for_log(r"\[WARNING\] Slow request: GET /block_in_c from 127\.0\.0\.1")
    line = line_of("# blocks")
    server.wait_for_log(rf'File ".*stuck\.py", line {line},? in block_in_c')
    assert len(server.log.matches("Slow request")) == 1


def test_one_access_line_with_the_true_time(serve: Serve, env: dict[str, str]) -> None:
    """The line is written when the client is answered, and not again when the code comes back."""
    options = ["--access-logfile", "-", "--access-logformat", "%(r)s %(s)s %(D)s"]
    server = serve("stuck:app", "--request-timeout", "0.3", *options, env=env)
    assert ask(server.address, get("block_in_c")).status == 504
    line = server.wait_for_out(r"GET /block_in_c HTTP/1\.1 504 \d+")
    assert 300_000 <= int(line.rpartition(" ")[2]) < 300_000 + 250_000 * FACTOR
    wait_until(lambda: "block_in_c: " in Path(env["STUCK_LOG"]).read_text(), "its end")
    wait_until(lambda: ask(server.address, get("deadline")).status == 200, "it serves again")
    server.wait_for_out(r"GET /deadline")
    assert server.out is not None
    assert len(server.out.matches("block_in_c")) == 1


def test_a_sync_worker_that_is_stuck_is_replaced(serve: Serve, env: dict[str, str]) -> None:
    """Past the grace the successor is booted first; the old one goes without being killed."""
    options = ["--request-timeout", "0.3", "--request-timeout-grace", "0.2", "--timeout", "60"]
    server = serve("stuck:app", *options, env=env)
    old = server.workers()
    assert ask(server.address, get("block_in_c")).status == 504
    server.wait_for_log(r"asks for its successor")
    server.wait_for_workers(1, other_than=old)
    assert "SIGKILL" not in server.log.text
    assert ask(server.address, get("deadline")).status == 200


def test_a_stuck_thread_is_replaced(serve: Serve, env: dict[str, str]) -> None:
    """Capacity does not drop: with all threads stuck, others take their place."""
    options = ["--request-timeout", "0.3", "--request-timeout-grace", "0.1", "--threads", "2"]
    server = serve("stuck:app", *options, env=env)
    old = server.workers()
    with server.client() as one, server.client() as two:
        one.send(get("block_in_c"))
        two.send(get("block_in_c"))
        assert one.read_response().status == 504
        assert two.read_response().status == 504
        server.wait_for_log(r"slot \d+ takes its place", count=2)
        watch = Stopwatch()
        assert ask(server.address, get("deadline")).status == 200
        assert watch.seconds < 1 * FACTOR
        assert ask(server.address, get("slots")).body in (b"[0, 1, 2]", b"[0, 1, 3]")
    assert server.workers() == old


def test_too_many_stuck_threads_replace_the_worker(serve: Serve, env: dict[str, str]) -> None:
    """Past stuck_slots_limit the worker is recycled; its healthy requests finish first."""
    options = ["--request-timeout", "0.3", "--request-timeout-grace", "0.1", "--threads", "2"]
    server = serve("stuck:app", *options, "--stuck-slots-limit", "0", env=env)
    old = server.workers()
    assert ask(server.address, get("block_in_c")).status == 504
    server.wait_for_workers(1, other_than=old)
    assert ask(server.address, get("deadline")).status == 200


def test_a_body_that_is_read_ends_too(serve: Serve, env: dict[str, str]) -> None:
    """Waiting for a client's body is ended by the deadline as well."""
    server = serve("trouble:app", "--request-timeout", "0.4", "--body-buffer", "4096")
    with server.client() as client:
        client.send(
            f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert b"504" in client.read_until_closed()
    assert ask(server.address, f"GET /hello HTTP/1.1\r\n{HOST}\r\n").status == 200


def test_who_has_its_clients_socket_has_no_deadline(serve: Serve, env: dict[str, str]) -> None:
    """An application that talks to its client by itself is not talked over."""
    server = serve("stuck:app", "--request-timeout", "0.3", env=env)
    with server.client() as client:
        client.send(get("socket"))
        assert client.read_until_closed() == b"mine\n"


def test_socket_timeout_is_the_applications_default(serve: Serve, tmp_path: Path) -> None:
    """--socket-timeout is what sockets have that the application gives none."""
    (tmp_path / "site_of_sockets.py").write_text(
        "import socket\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    with socket.socket() as made:\n"
        "        return [str(made.gettimeout()).encode()]\n"
    )
    server = serve("site_of_sockets:app", "--socket-timeout", "2.5", cwd=tmp_path)
    assert ask(server.address, get("")).text == "2.5"
