# SPDX-License-Identifier: MIT
"""`timeout`: who counts as stuck, what the log and the clients are told, and what goes on."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path

import httpx
import pytest

from tests.conftest import Serve
from tests.support import processes
from tests.support.client import ask
from tests.support.server import APPS, Server
from tests.support.trace import Trace
from tests.support.waiting import PATIENCE, Stopwatch, let_pass, wait_until

HOST = "Host: test\r\n"
HELLO = f"GET /hello HTTP/1.1\r\n{HOST}\r\n"


def line_of(app: str, text: str) -> int:
    """The number of the line in an application that holds `text`."""
    for number, line in enumerate((APPS / app).read_text().splitlines(), 1):
        if text in line:
            return number
    raise AssertionError(f"{app} has no line with {text}")


def told(server: Server, path: str, app: str, line: int) -> None:
    """The log has the timeout, the request and how long it ran, and the place where it stood."""
    server.wait_for_log(r"\[CRITICAL\] WORKER TIMEOUT \(pid:\d+\)")
    request = server.wait_for_log(rf"GET {re.escape(path)}.*\d+\.\d+ ?s")
    assert re.search(r"\d+\.\d+ ?s", request)
    server.wait_for_log(rf'File ".*{re.escape(app)}", line {line},? in ')


# ---- the two lines that users try first ------------------------------------------------------


def test_threads_may_take_longer_than_the_timeout(serve: Serve) -> None:
    """--threads 2 --timeout 5, a Flask view that sleeps 10 s: 200, and no timeout in the log."""
    server = serve("flask_site:app", "--threads", "2", "--timeout", "5")
    reply = httpx.get(server.url + "/sleep/10.0", timeout=PATIENCE * 2)
    assert (reply.status_code, reply.text) == (200, "slept")
    assert "TIMEOUT" not in server.log.text


def test_one_slot_may_not(serve: Serve) -> None:
    """--threads 1: after 5 s the client gets 504, the log tells where, and a new worker serves."""
    server = serve("flask_site:app", "--threads", "1", "--timeout", "5")
    workers = server.workers()
    watch = Stopwatch()
    reply = httpx.get(server.url + "/sleep/10.0", timeout=PATIENCE * 2)
    assert reply.status_code == 504
    assert watch.seconds >= 4.5
    told(server, "/sleep/10.0", "flask_site.py", line_of("flask_site.py", "time.sleep(seconds)"))
    server.wait_for_workers(1, other_than=workers)
    assert httpx.get(server.url).status_code == 200


def test_plain_wsgi_with_threads(serve: Serve) -> None:
    """The same without a framework: threads may take longer than the timeout."""
    server = serve("trouble:app", "--threads", "2", "--timeout", "2")
    reply = ask(server.address, f"GET /sleep?seconds=4 HTTP/1.1\r\n{HOST}\r\n")
    assert reply.status == 200
    assert "TIMEOUT" not in server.log.text


STUCK = {
    "sleep": ("/sleep?seconds=60", "time.sleep(float(_query"),
    "spin": ("/spin?seconds=60", ""),
    "deadlock": ("/deadlock", ""),
    "lock_held_in_c": ("/hang-in-c", "for the second time"),
}


@pytest.mark.parametrize("kind", STUCK)
def test_stuck_call_of_a_sync_worker(serve: Serve, kind: str) -> None:
    """Sleeping, spinning, deadlocked or in C with the interpreter lock: 504, told, replaced."""
    path, text = STUCK[kind]
    server = serve("trouble:app", "--timeout", "2")
    workers = server.workers()
    reply = ask(server.address, f"GET {path} HTTP/1.1\r\n{HOST}\r\n")
    assert reply.status == 504
    assert reply.get("Connection") == "close"
    if text:
        told(server, path, "trouble.py", line_of("trouble.py", text))
    else:
        server.wait_for_log(r"WORKER TIMEOUT")
        server.wait_for_log(r'File ".*trouble\.py", line \d+,? in ' + kind)
    server.wait_for_workers(1, other_than=workers)
    assert ask(server.address, HELLO).status == 200


def test_interpreter_lock_held_by_one_of_many_threads(serve: Serve, trace: Trace) -> None:
    """With threads, C code that keeps the lock is a hang: 504, every thread's stack in the log."""
    server = serve("trouble:app", "--threads", "3", "--timeout", "2", env=trace.env)
    workers = server.workers()
    path = "/hang-in-c"
    with server.client() as culprit, server.client() as bystander:
        culprit.get(path)
        trace.wait_for(path)
        bystander.get("/hello")
        assert culprit.read_response().status == 504
        assert bystander.read_response().status in (200, 503, 504)
    line = line_of("trouble.py", "for the second time")
    told(server, path, "trouble.py", line)
    assert len(server.log.matches(r"^\s*(Current thread|Thread) 0x")) >= 4, "main and three slots"
    server.wait_for_workers(1, other_than=workers)
    assert ask(server.address, HELLO).status == 200


def test_interpreter_lock_held_while_nobody_else_asks(serve: Serve, trace: Trace) -> None:
    """The same on a server with one client: that nobody else wants the lock is no excuse."""
    server = serve("trouble:app", "--threads", "3", "--timeout", "2", env=trace.env)
    workers = server.workers()
    assert ask(server.address, f"GET /hang-in-c HTTP/1.1\r\n{HOST}\r\n").status == 504
    told(server, "/hang-in-c", "trouble.py", line_of("trouble.py", "for the second time"))
    server.wait_for_workers(1, other_than=workers)
    assert ask(server.address, HELLO).status == 200


def test_stacks_of_other_threads_are_in_the_log(serve: Serve) -> None:
    """The log shows the threads that the application has started, too."""
    server = serve("trouble:app", "--timeout", "2")
    assert ask(server.address, f"GET /stubborn-thread HTTP/1.1\r\n{HOST}\r\n").status == 200
    assert ask(server.address, f"GET /sleep?seconds=60 HTTP/1.1\r\n{HOST}\r\n").status == 504
    server.wait_for_log(r'File ".*threading\.py", line \d+,? in ')
    assert len(server.log.matches(r"^\s*(Current thread|Thread) 0x")) >= 2


TAKEN_OVER = {
    "faulthandler": "import faulthandler\nfaulthandler.enable()\n",
    "ignored": "import signal\nsignal.signal(signal.SIGABRT, signal.SIG_IGN)\n",
    "exits": "import os, signal\nsignal.signal(signal.SIGABRT, lambda *_: os._exit(9))\n",
}


@pytest.mark.parametrize("how", TAKEN_OVER)
def test_sigabrt_is_the_applications(serve: Serve, tmp_path: Path, how: str) -> None:
    """An application that handles SIGABRT itself keeps neither the 504 nor the stacks back."""
    (tmp_path / "abrt_site.py").write_text(
        "import time\n\ndef app(environ, start_response):\n"
        + "".join(f"    {line}\n" for line in TAKEN_OVER[how].splitlines())
        + "    time.sleep(60)  # hangs here\n"
    )
    server = serve("abrt_site:app", "--timeout", "1", cwd=tmp_path)
    workers = server.workers()
    assert ask(server.address, HELLO).status == 504
    server.wait_for_log(rf"\[CRITICAL\] WORKER TIMEOUT \(pid:{workers[0]}\)")
    server.wait_for_log(r"GET /hello .*\d+\.\d+ ?s")
    server.wait_for_log(r'File ".*abrt_site\.py", line \d+,? in app')
    server.wait_for_workers(1, other_than=workers)


DEEP = """
import threading, time

def deep(level):
    if level:
        deep(level - 1)
    else:
        barrier.wait()
        time.sleep(60)

barrier = threading.Barrier(61)
for _ in range(60):
    threading.Thread(target=deep, args=(90,), daemon=True).start()
barrier.wait()

def app(environ, start_response):
    time.sleep(60)
"""


def test_long_stacks_arrive_whole(serve: Serve, tmp_path: Path) -> None:
    """A dump larger than what a worker keeps of its log reaches the log, every line of it."""
    folder = tmp_path / ("a_long_name_" * 5)
    folder.mkdir()
    (folder / "deep_site.py").write_text(DEEP)
    log = tmp_path / "log"
    args = ["--timeout", "1", "--error-logfile", str(log)]
    serve("deep_site:app", *args, cwd=folder, ready=False)
    wait_until(lambda: log.exists() and "Listening at" in log.read_text(), "it listens")
    address = re.search(r"Listening at: http://([\d.]+):(\d+)", log.read_text())
    assert address is not None
    assert ask((address[1], int(address[2])), HELLO).status == 504
    wait_until(lambda: " in app\n" in log.read_text(), "the stack of the request")
    text = log.read_text()
    frames = re.findall(r'  File ".*deep_site\.py", line \d+,? in deep\n', text)
    assert len(frames) == 60 * 91
    assert sum(len(line) for line in frames) > 512 * 1024
    assert "log lines dropped" not in text


# ---- what becomes of the other requests of that worker --------------------------------------


def test_requests_that_had_not_begun_get_503(serve: Serve) -> None:
    """Complete requests waiting in the stuck worker get 503 with Retry-After, at once with it."""
    server = serve("trouble:app", "--timeout", "2")
    with server.client() as waiting, server.client() as stuck:
        waiting.send(HELLO)  # makes it a connection of this worker
        assert waiting.read_response().status == 200
        stuck.get("/sleep?seconds=60")
        waiting.get("/hello")
        assert stuck.read_response().status == 504
        reply = waiting.read_response()
        assert reply.status == 503
        assert (reply.get("Retry-After") or "").isdigit()
        assert reply.get("Connection") == "close"


def test_half_read_requests_are_closed(serve: Serve) -> None:
    """A request that has half arrived in the stuck worker is closed without an answer."""
    server = serve("trouble:app", "--timeout", "2")
    with server.client() as half, server.client() as idle, server.client() as stuck:
        for client in (half, idle):
            client.send(HELLO)
            assert client.read_response().status == 200
        stuck.get("/sleep?seconds=60")
        half.send("GET /hello HTT")
        assert stuck.read_response().status == 504
        assert half.read_until_closed() == b""
        assert idle.read_until_closed() == b""


def test_never_begun_requests_are_not_run_later(serve: Serve, trace: Trace) -> None:
    """What was answered by 503 does not run in any worker afterwards."""
    server = serve("trouble:app", "--timeout", "2", env=trace.env)
    with server.client() as waiting, server.client() as stuck:
        waiting.send(HELLO)
        waiting.read_response()
        stuck.get("/sleep?seconds=60")
        waiting.get("/hello?second")
        assert stuck.read_response().status == 504
        assert waiting.read_response().status == 503
    assert ask(server.address, HELLO).status == 200
    assert trace.count("/hello?second") == 0
    assert trace.count("/sleep") == 1


def test_running_answer_is_cut_and_not_completed(serve: Serve) -> None:
    """A stream that stops in the middle is cut: the client cannot take it for whole."""
    server = serve("trouble:app", "--timeout", "2")
    with server.client() as client:
        client.get("/slow-items?items=2&delay=60")
        data = client.read_until_closed()
    assert b" 504 " in data or b"\r\n0\r\n\r\n" not in data
    with server.client() as client:
        server.wait_for_log(r"WORKER TIMEOUT")


# ---- what is progress -----------------------------------------------------------------------


def test_each_item_is_progress(serve: Serve) -> None:
    """A stream longer than the timeout is fine while its items come."""
    server = serve("trouble:app", "--timeout", "2")
    reply = ask(server.address, f"GET /slow-items?items=8&delay=0.5 HTTP/1.1\r\n{HOST}\r\n")
    assert reply.body.count(b"\n") == 8
    assert "TIMEOUT" not in server.log.text


def test_waiting_for_a_slow_upload_is_no_hang(serve: Serve) -> None:
    """An application that waits for its client's body is not stuck."""
    server = serve("trouble:app", "--timeout", "1")
    with server.client() as client:
        client.send(
            f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 8\r\n\r\n"
        )
        assert client.read_interim().status == 100
        for byte in "12345678":
            client.send(byte)
            let_pass(0.4)
        assert client.read_response().text == "12345678"
    assert "TIMEOUT" not in server.log.text


def test_waiting_for_a_slow_download_is_no_hang(serve: Serve) -> None:
    """An application that waits until its client has taken enough is not stuck."""
    server = serve("trouble:app", "--timeout", "1")
    with server.client(receive_buffer=8192) as client:
        client.get("/big?bytes=30000000")
        client.read_some()
        let_pass(3)
        # Kept-alive clients that never read are not the application's fault.
        assert "TIMEOUT" not in server.log.text
        count = 0
        while count < 29_000_000:
            part = client.socket.recv(1 << 20)
            assert part
            count += len(part)


def test_idle_worker_is_not_stuck(serve: Serve) -> None:
    """A worker without requests is left alone."""
    server = serve("trouble:app", "--timeout", "1", "--workers", "2", workers=2)
    workers = server.wait_for_workers(2)
    let_pass(3)
    assert server.workers() == workers
    assert ask(server.address, HELLO).status == 200


def test_importing_is_not_stuck(serve: Serve, tmp_path: Path) -> None:
    """An application that imports longer than the timeout boots all the same."""
    (tmp_path / "slow_site.py").write_text(
        (APPS / "hello.py").read_text() + "\n\nimport time\ntime.sleep(3)\n"
    )
    server = serve("slow_site:app", "--timeout", "1", cwd=tmp_path)
    assert ask(server.address, HELLO).status == 200
    assert "TIMEOUT" not in server.log.text


def test_timeout_zero_is_never(serve: Serve) -> None:
    """--timeout 0 lets a call take as long as it likes."""
    server = serve("trouble:app", "--timeout", "0")
    assert ask(server.address, f"GET /sleep?seconds=3 HTTP/1.1\r\n{HOST}\r\n").status == 200


def test_busy_threads_get_one_warning(serve: Serve) -> None:
    """Threads that are all busy for longer than timeout: one warning with stacks, nobody killed."""
    server = serve("trouble:app", "--threads", "2", "--timeout", "1")
    workers = server.workers()
    replies: list[int] = []

    def request() -> None:
        reply = ask(server.address, f"GET /sleep?seconds=5 HTTP/1.1\r\n{HOST}\r\n")
        replies.append(reply.status)

    clients = [threading.Thread(target=request) for _ in range(2)]
    for client in clients:
        client.start()
    server.wait_for_log(r"\[WARNING\].*threads.*busy")
    server.wait_for_log(r"GET /sleep\?seconds=5", count=2)
    server.wait_for_log(r'File ".*trouble\.py", line \d+,? in sleep', count=2)
    for client in clients:
        client.join(PATIENCE)
    assert replies == [200, 200]
    assert server.workers() == workers
    assert len(server.log.matches(r"\[WARNING\].*threads.*busy")) == 1


# ---- workers that cannot answer at all ------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "2"])
def test_stopped_worker_is_replaced(serve: Serve, threads: str) -> None:
    """A worker that is stopped by SIGSTOP makes no progress: it is killed and replaced."""
    server = serve("trouble:app", "--threads", threads, "--timeout", "1")
    workers = server.workers()
    assert ask(server.address, HELLO).status == 200
    os.kill(workers[0], signal.SIGSTOP)
    server.wait_for_log(rf"WORKER TIMEOUT \(pid:{workers[0]}\)")
    server.wait_for_workers(1, other_than=workers)
    assert not processes.alive(workers[0])
    assert ask(server.address, HELLO).status == 200


def test_other_workers_are_not_touched(serve: Serve) -> None:
    """A stuck worker costs its own requests; a sibling goes on."""
    server = serve("trouble:app", "--workers", "2", "--timeout", "2", workers=2)
    before = server.wait_for_workers(2)
    with server.client() as stuck:
        stuck.get("/sleep?seconds=60")
        assert stuck.read_response().status == 504
    wait_until(
        lambda: len(server.workers()) == 2 and len(set(server.workers()) & set(before)) == 1,
        "one of two was replaced",
    )
    for _ in range(10):
        assert ask(server.address, HELLO).status == 200
