# SPDX-License-Identifier: MIT
"""A worker that dies of a fatal signal: who is answered what, and what the log says."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.support.client import RawClient, ask
from tests.support.server import APPS, ROOT, SANITIZED, Server
from tests.support.waiting import FACTOR, Stopwatch, wait_until

pytestmark = pytest.mark.crashes

SIGNALS = ("segv", "bus", "fpe", "ill", "abrt")
WORKERS = {"sync": ["--threads", "1"], "gthread": ["--threads", "4"]}
SOON = 0.5 * FACTOR
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern").read_text().strip()

workers = pytest.mark.parametrize("worker", WORKERS)


@pytest.fixture(scope="session")
def crash_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("native") / "crash.so"
    source = ROOT / "tests/support/native/crash.c"
    # The compiler knows what a malloc without a use is worth.
    options = ["-O1", "-fno-builtin", "-shared", "-fPIC"]
    subprocess.run(["cc", *options, "-o", library, source], check=True)
    return library


@pytest.fixture
def env(crash_library: Path, tmp_path: Path) -> dict[str, str]:
    notes = tmp_path / "notes"
    notes.touch()
    env = {
        "CRASH_LIBRARY": str(crash_library),
        "CRASH_LOG": str(notes),
        "CRASH_GO": str(tmp_path / "go"),
    }
    if SANITIZED:  # it takes these signals for itself otherwise, as any library may
        kinds = ("segv", "sigbus", "sigfpe", "sigill", "abort")
        handling = [f"handle_{kind}=0" for kind in kinds]
        env["ASAN_OPTIONS"] = ":".join([os.environ.get("ASAN_OPTIONS", ""), *handling])
    return env


def line_of(text: str) -> int:
    for number, line in enumerate((APPS / "crashing.py").read_text().splitlines(), 1):
        if text in line:
            return number
    raise AssertionError(text)


def begun(env: dict[str, str], path: str, count: int = 1) -> None:
    """Waits until the application has begun to run `path` so many times."""
    notes = Path(env["CRASH_LOG"])
    wait_until(lambda: notes.read_text().split().count(path) >= count, f"{path} has begun")


def is_read(client: RawClient) -> bool:
    """Whether the server has read all that the client has sent."""
    own, peer = (
        f"{end[1]:04X}" for end in (client.socket.getsockname(), client.socket.getpeername())
    )
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if local.endswith(f":{peer}") and remote.endswith(f":{own}"):
            return int(queues.split(":")[1], 16) == 0
    return False


def read_until(client: RawClient, text: bytes) -> None:
    data = b""
    while text not in data:
        more = client.read_some()
        assert more, data
        data += more


def name_of(kind: str) -> str:
    return f"SIG{kind.upper()}"


def expect_502(client: RawClient) -> None:
    """The page of the server's, and an orderly end behind it."""
    reply = client.read_response()
    assert reply.status == 502
    assert reply.get("Connection") == "close"
    assert "Bad Gateway" in reply.text
    assert client.closed_cleanly()


def expect_successor(server: Server, died: list[int], kind: str) -> None:
    server.wait_for_log(rf"Worker \(pid:{died[0]}\) was sent {name_of(kind)}!")
    server.wait_for_workers(1, other_than=died)
    assert ask(server.address, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n").status == 200


@workers
@pytest.mark.parametrize("kind", SIGNALS)
def test_the_culprit_is_answered_at_once_and_told_of(
    serve: Serve, env: dict[str, str], kind: str, worker: str
) -> None:
    """502, a record with signal, request and the line that called; another worker serves."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    died = server.workers()
    with server.client() as client:
        client.get("/hello")
        assert client.read_response().status == 200
        watch = Stopwatch()
        client.get(f"/{kind}")
        expect_502(client)
        assert watch.seconds < SOON
    server.wait_for_log(
        rf"Request of a worker that died: GET /{kind} from 127\.0\.0\.1 after \S+ s \(request 2, "
    )
    server.wait_for_log(rf"{name_of(kind)} .* on its thread: answered 502")
    server.wait_for_log(rf'File ".*crashing\.py", line {line_of("# crashes here")} in run')
    expect_successor(server, died, kind)


@pytest.mark.parametrize("kind", SIGNALS)
def test_bystanders_and_the_queue_are_answered(
    serve: Serve, env: dict[str, str], kind: str
) -> None:
    """502 for all that run, 503 for one that waits for a slot; a reply that had begun is cut."""
    server = serve("crashing:app", "--threads", "4", env=env)
    died = server.workers()
    with ExitStack() as stack:
        queued, waits, stream, culprit, other = (
            stack.enter_context(server.client()) for _ in range(5)
        )
        queued.get("/hello")
        assert queued.read_response().status == 200
        waits.get("/wait")
        other.get("/wait")
        begun(env, "wait", 2)
        stream.get("/begin")
        read_until(stream, b"begun")
        culprit.get(f"/told-{kind}")
        begun(env, f"told-{kind}")
        queued.get("/never-begun")
        wait_until(lambda: is_read(queued), "the queued request is read")
        Path(env["CRASH_GO"]).touch()
        for client in (culprit, waits, other):
            expect_502(client)
        reply = queued.read_response()
        assert (reply.status, reply.get("Retry-After")) == (503, "1")
        rest = stream.read_until_closed()
        assert b"502" not in rest
        assert not rest.endswith(b"0\r\n\r\n")
    server.wait_for_log(rf"{name_of(kind)} .* elsewhere in its worker: answered 502", count=2)
    server.wait_for_log(rf"{name_of(kind)} .* elsewhere in its worker: its reply, .* was cut")
    server.wait_for_log(r"had not begun when this worker crashed, and were answered 503: 1")
    expect_successor(server, died, kind)
    assert "never-begun" not in Path(env["CRASH_LOG"]).read_text()


@workers
@pytest.mark.parametrize("kind", SIGNALS)
def test_ready_replies_of_the_same_turn_arrive_whole(
    serve: Serve, env: dict[str, str], kind: str, worker: str
) -> None:
    """What was to be sent together with more is sent before the process dies.

    With threads another one may have been running what stood before the culprit.
    """
    server = serve("crashing:app", *WORKERS[worker], env=env)
    (pid,) = died = server.workers()
    with ExitStack() as stack:
        ready = [stack.enter_context(server.client()) for _ in range(4)]
        culprit = stack.enter_context(server.client())
        for client in (*ready, culprit):
            client.get("/hello")
            assert client.read_response().status == 200
        os.kill(pid, signal.SIGSTOP)
        for size, client in enumerate(ready, 1):
            client.get(f"/hello?{size**6}")
        culprit.get(f"/{kind}")
        os.kill(pid, signal.SIGCONT)
        for size, client in enumerate(ready, 1):
            reply = client.read_response()
            if worker == "gthread" and reply.status != 200:
                assert reply.status in (502, 503)
                continue
            assert reply.status == 200
            assert reply.body == b"/hello" * size**6
        expect_502(culprit)
    expect_successor(server, died, kind)


@workers
def test_pipelined_requests(serve: Serve, env: dict[str, str], worker: str) -> None:
    """Those before have their answers, the culprit 502, those behind it nothing."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    died = server.workers()
    with server.client() as client:
        client.send(
            "".join(f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in ("1", "segv", "3"))
        )
        assert client.read_response().body == b"/1"
        expect_502(client)
    expect_successor(server, died, "segv")


@workers
def test_head_and_old_clients(serve: Serve, env: dict[str, str], worker: str) -> None:
    """HEAD gets no body; HTTP/1.0 gets the page."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    died = server.workers()
    with server.client() as client:
        client.send("HEAD /segv HTTP/1.1\r\nHost: a\r\n\r\n")
        data = client.read_until_closed()
    assert data.startswith(b"HTTP/1.1 502 ")
    assert data.endswith(b"\r\n\r\n")
    assert b"<html>" not in data
    expect_successor(server, died, "segv")
    with server.client() as client:
        client.send("GET /segv HTTP/1.0\r\n\r\n")
        expect_502(client)


@workers
def test_a_reply_whose_end_is_the_connections_is_reset(
    serve: Serve, env: dict[str, str], worker: str
) -> None:
    """An orderly end would say that it was whole (HTTP/1.0)."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    (pid,) = server.workers()
    with server.client() as client:
        client.send("GET /begin HTTP/1.0\r\n\r\n")
        read_until(client, b"begun")
        os.kill(pid, signal.SIGSEGV)
        assert not client.closed_cleanly()


@workers
def test_access_lines(serve: Serve, env: dict[str, str], tmp_path: Path, worker: str) -> None:
    """One for each request, with the status that its client has seen."""
    access = tmp_path / "access"
    options = ("--access-logfile", str(access), "--access-logformat", "%(U)s %(s)s %(B)s")
    server = serve("crashing:app", *WORKERS[worker], *options, env=env)
    (pid,) = died = server.workers()
    with server.client() as ready, server.client() as culprit:
        for client in (ready, culprit):
            client.get("/hello")
            assert client.read_response().status == 200
        os.kill(pid, signal.SIGSTOP)
        ready.get("/ready")
        culprit.get("/segv")
        os.kill(pid, signal.SIGCONT)
        statuses = [ready.read_response().status, culprit.read_response().status]
    server.wait_for_workers(1, other_than=died)
    wait_until(lambda: access.read_text().count("\n") == 4, lambda: access.read_text())
    assert statuses[1] == 502
    sizes = {200: 6, 502: 121, 503: 149}
    assert sorted(access.read_text().splitlines()) == sorted(
        [
            *("/hello 200 6",) * 2,
            f"/ready {statuses[0]} {sizes[statuses[0]]}",
            "/segv 502 121",
        ]
    )


@workers
def test_an_application_that_answers_by_itself(
    serve: Serve, env: dict[str, str], worker: str
) -> None:
    """No page of ours comes behind what it has sent on its client's socket."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    with server.client() as client:
        client.get("/socket")
        assert client.read_until_closed() == b"HTTP/1.1 200 OK\r\n\r\nby itself"


@workers
def test_an_upload_that_nobody_reads(serve: Serve, env: dict[str, str], worker: str) -> None:
    """The client is in the midst of its body: the answer reaches it all the same."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    fields = f"Host: a\r\nContent-Length: {10**9}\r\nExpect: 100-continue"
    with server.client() as client:
        client.send(f"POST /told-segv HTTP/1.1\r\n{fields}\r\n\r\n")
        begun(env, "told-segv")
        client.send("x" * 200_000)
        Path(env["CRASH_GO"]).touch()
        client.send("x" * 200_000)
        expect_502(client)


@workers
def test_unix_sockets(serve: Serve, env: dict[str, str], tmp_path: Path, worker: str) -> None:
    """Their clients are answered like others."""
    server = serve("crashing:app", *WORKERS[worker], bind=f"unix:{tmp_path}/socket", env=env)
    wait_until(lambda: server.workers(), "a worker")
    with server.client() as client:
        client.get("/segv")
        expect_502(client)


@workers
def test_a_stack_that_has_run_out(serve: Serve, env: dict[str, str], worker: str) -> None:
    """Recursion without end in C: the handler has a stack of its own."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    died = server.workers()
    with server.client() as client:
        client.get("/overflow")
        expect_502(client)
    expect_successor(server, died, "segv")


@workers
@pytest.mark.unsanitized("a sanitizer's heap is another one")
def test_a_heap_in_pieces_and_locked(serve: Serve, env: dict[str, str], worker: str) -> None:
    """malloc aborts in the midst of its work: clients are answered without it."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    died = server.workers()
    with server.client() as client, server.client() as other:
        other.get("/told-heap")
        begun(env, "told-heap")
        if worker == "gthread":
            client.get("/wait")
            begun(env, "wait")
        Path(env["CRASH_GO"]).touch()
        expect_502(other)
        if worker == "gthread":
            expect_502(client)
    expect_successor(server, died, "abrt")


def test_with_the_interpreter_lock(serve: Serve, env: dict[str, str]) -> None:
    """C code that holds the lock keeps nobody from answer or record."""
    server = serve("crashing:app", "--threads", "4", env=env)
    died = server.workers()
    with server.client() as client, server.client() as other:
        other.get("/wait")
        begun(env, "wait")
        client.get("/locked-segv")
        expect_502(client)
        expect_502(other)
    server.wait_for_log(r"SIGSEGV at address 0x0 on its thread: answered 502")
    expect_successor(server, died, "segv")


@workers
def test_a_thread_of_the_applications(serve: Serve, env: dict[str, str], worker: str) -> None:
    """A crash on a thread that runs no request: those that run are answered, the log says so."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    died = server.workers()
    with server.client() as client:
        client.get("/thread")
        expect_502(client)
    server.wait_for_log(r"SIGSEGV at address 0x0 on thread 0x[0-9a-f]+, which runs no request")
    expect_successor(server, died, "segv")


@workers
def test_a_signal_from_outside(serve: Serve, env: dict[str, str], worker: str) -> None:
    """Somebody sends SIGSEGV: the log says who, whatever the worker does meanwhile."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    (pid,) = died = server.workers()
    with server.client() as client:
        client.get("/wait")
        begun(env, "wait")
        os.kill(pid, signal.SIGSEGV)
        expect_502(client)
    server.wait_for_log(rf"SIGSEGV from process {os.getpid()}")
    expect_successor(server, died, "segv")
    (pid,) = died = server.workers()
    os.kill(pid, signal.SIGSEGV)
    server.wait_for_log(r"SIGSEGV from process .*, which runs no request|thread: answered", count=2)
    server.wait_for_workers(1, other_than=died)


@pytest.mark.unsanitized("its allocator may be locked by the code that the signal interrupts")
@pytest.mark.parametrize("thread", range(3), ids=["first", "second", "third"])
def test_a_signal_from_outside_may_strike_any_thread(
    serve: Serve, env: dict[str, str], thread: int
) -> None:
    """Also the one that writes the record: it is written all the same."""
    server = serve("crashing:app", env=env)
    (pid,) = died = server.workers()
    with server.client() as client:
        client.get("/wait")
        begun(env, "wait")
        threads = sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
        assert ctypes.CDLL(None).tgkill(pid, threads[thread], signal.SIGSEGV) == 0
        expect_502(client)
    server.wait_for_log(rf"SIGSEGV from process {os.getpid()}")
    expect_successor(server, died, "segv")


@workers
@pytest.mark.parametrize("when", ["import", "later"])
def test_faulthandler_still_prints(
    serve: Serve, env: dict[str, str], when: str, worker: str
) -> None:
    """Enabled before us or after us: its lines, our answer, the same signal in the end."""
    server = serve("crashing:app", *WORKERS[worker], env={**env, "CRASH_FAULTHANDLER": when})
    died = server.workers()
    with server.client() as client:
        client.get("/segv" if when == "import" else "/faulthandler")
        expect_502(client)
    # It writes its line in parts, between which others may stand.
    server.wait_for_log("Fatal Python error: ")
    expect_successor(server, died, "segv")


def test_a_handler_of_a_library_is_left_alone(serve: Serve, env: dict[str, str]) -> None:
    """It may live with faults of its own: it runs as if we were not there."""
    server = serve("crashing:app", env={**env, "CRASH_HANDLER": "yes"})
    died = server.workers()
    with server.client() as client:
        client.get("/segv")
        assert client.read_until_closed() == b""
    server.wait_for_log("a handler of a library ran")
    server.wait_for_log(r"exited with code 77")
    server.wait_for_workers(1, other_than=died)
    with server.client() as client:
        client.get("/fpe")
        expect_502(client)


@workers
def test_a_forked_child_answers_nobody(serve: Serve, env: dict[str, str], worker: str) -> None:
    """It crashes by itself; the request that forked it and the worker go on."""
    server = serve("crashing:app", *WORKERS[worker], env=env)
    before = server.workers()
    with server.client() as client:
        client.get("/child")
        assert client.read_response().status == 200
        client.get("/hello")
        assert client.read_response().status == 200
    assert server.workers() == before
    assert "of a worker that died" not in server.log.text


@pytest.mark.unsanitized("a sanitizer's memory is too large for a file, so it allows none")
@pytest.mark.skipif(
    Path(CORE_PATTERN).name != CORE_PATTERN or "%" in CORE_PATTERN,
    reason=f"core files go elsewhere: {CORE_PATTERN}",
)
@workers
def test_core_files_are_written(
    serve: Serve, env: dict[str, str], tmp_path: Path, worker: str
) -> None:
    """The process dies by its signal, so the kernel keeps what it was."""
    prefix = ("sh", "-c", 'ulimit -c unlimited && exec "$@"', "sh")
    server = serve(
        "crashing:app",
        "--chdir",
        str(tmp_path),
        "--pythonpath",
        str(APPS),
        *WORKERS[worker],
        env=env,
        prefix=prefix,
    )
    (pid,) = server.workers()
    with server.client() as client:
        client.get("/segv")
        expect_502(client)
    server.wait_for_log(rf"Worker \(pid:{pid}\) was sent SIGSEGV!")
    cores = [path for path in tmp_path.iterdir() if path.name.startswith(CORE_PATTERN)]
    assert cores
    assert cores[0].stat().st_size > 0
