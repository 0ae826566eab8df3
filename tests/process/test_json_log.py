# SPDX-License-Identifier: MIT
"""`--log-format json`: every line is one object, whatever happens; incidents have their fields."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.process.test_timeout import DEEP
from tests.support.client import ask
from tests.support.server import ROOT, Server
from tests.support.waiting import PATIENCE, wait_until

HOST = "Host: test\r\n"
JSON = ("--log-format", "json")

Record = dict[str, Any]

# docs/logs.md has a row for each.
COMMON = {"time": "string", "level": "string", "pid": "number", "message": "string"}
OTHERS = {
    **dict.fromkeys(
        ("record", "part", "parts", "request", "slot", "bytes_in", "bytes_out"), "number"
    ),
    **dict.fromkeys(("age_seconds", "queued_seconds", "cpu_seconds"), "number"),
    **dict.fromkeys(("stream", "incident", "method", "target", "peer", "phase"), "string"),
    **dict.fromkeys(("thread", "waits_in", "action"), "string"),
    "stacks": "list of strings",
}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "list of strings": (list,),
}
LEVELS = {"debug", "info", "warning", "error", "critical"}


def get(path: str) -> str:
    return f"GET {path} HTTP/1.1\r\n{HOST}\r\n"


def parsed(line: str) -> Record:
    """The record on a line, with nothing in it that is not promised."""
    record = json.loads(line)
    assert isinstance(record, dict), line
    assert line.isascii() and line.isprintable(), line
    assert record.keys() >= COMMON.keys(), line
    for name, value in record.items():
        assert isinstance(value, TYPES[(COMMON | OTHERS)[name]]), f"{name} in {line}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["time"])
    assert record["level"] in LEVELS
    return record


def records(server: Server) -> list[Record]:
    return [parsed(line) for line in server.log.lines()]


def wait_for(server: Server, is_wanted: Callable[[Record], object]) -> Record:
    def look() -> Record | None:
        return next((record for record in records(server) if is_wanted(record)), None)

    found = wait_until(look, lambda: f"such a record; log:\n{server.log.text}")
    assert found is not None
    return found


def wait_for_message(server: Server, pattern: str) -> Record:
    return wait_for(server, lambda record: re.search(pattern, record["message"]))


def wait_for_incident(server: Server, kind: str) -> Record:
    return wait_for(server, lambda r: r.get("incident") == kind and "request" in r)


def kernel_tells() -> bool:
    try:
        return bool(Path("/proc/self/syscall").read_text())
    except OSError:
        return False


# ---- from start to stop ----------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "3"])
def test_every_line_is_an_object(serve: Serve, threads: str) -> None:
    """Start, requests, exceptions, the application's own lines, a reload, a killed worker, stop."""
    server = serve("trouble:app", "--threads", threads, *JSON, "--log-level", "debug")
    started = wait_for_message(server, "Listening at: http://127")
    assert (started["level"], started["pid"]) == ("info", server.pid)
    assert ask(server.address, get("/raises?x=1")).status == 500
    assert ask(server.address, get("/wsgi-errors")).status == 200
    first = server.workers()
    server.signal(signal.SIGHUP)
    second = server.wait_for_workers(1, other_than=first)
    assert wait_for_message(server, f"Booting worker with pid: {second[0]}")["pid"] == second[0]
    os.kill(second[0], signal.SIGKILL)
    server.wait_for_workers(1, other_than=second)
    wait_for_message(server, "SIGKILL")
    assert ask(server.address, get("/hello")).status == 200
    assert server.stop() == 0
    assert len(records(server)) > 10


def test_traceback_is_one_message(serve: Serve) -> None:
    """A traceback keeps its newlines inside the message of one record."""
    server = serve("trouble:app", *JSON)
    ask(server.address, get("/raises?x=1"))
    record = wait_for_message(server, r"^Error handling request GET /raises\?x=1")
    assert record["level"] == "error"
    assert "\nTraceback (most recent call last):\n" in record["message"]
    assert record["message"].rstrip().endswith("\nValueError: raised before the head")
    ask(server.address, get("/wsgi-errors"))
    logged = wait_for_message(server, "^it went wrong\nTraceback")
    assert logged["message"].endswith("\nValueError: for the logger")


def test_lines_of_wsgi_errors_are_records(serve: Serve) -> None:
    """What the application writes is cut at its line ends, flush() and the end of the request."""
    server = serve("trouble:app", *JSON)
    ask(server.address, get("/wsgi-errors"))
    wait_for_message(server, "^left open$")
    written = [record for record in records(server) if "stream" in record]
    assert [record["message"] for record in written] == [
        "printed in pieces",
        "first line",
        "second line",
        "flushed",
        "left open",
    ]
    assert {(record["stream"], record["level"]) for record in written} == {("wsgi.errors", "error")}


def test_format_changes_with_a_reload(serve: Serve, tmp_path: Path) -> None:
    """HUP reads the format again; new workers and the arbiter use it, and text comes back so."""
    config = tmp_path / "winghorn.conf.py"
    config.write_text("log_format = 'text'\n")
    server = serve("trouble:app", "-c", str(config))
    for form, begins in ("json", r'^\{"time":".*'), ("text", r"^\[\d{4}-.* "):
        config.write_text(f"log_format = '{form}'\n")
        before = server.workers()
        server.signal(signal.SIGHUP)
        (worker,) = server.wait_for_workers(1, other_than=before)
        server.wait_for_log(rf"{begins}Booting worker with pid: {worker}\b")
    assert server.stop() == 0


# ---- incidents -------------------------------------------------------------------------------


def test_deadline_has_its_fields(serve: Serve) -> None:
    """A request over its deadline: one record with the request, how it stood and the stacks."""
    server = serve("trouble:app", *JSON, "--request-timeout", "0.5")
    assert ask(server.address, get("/sleep?seconds=60")).status == 504
    record = wait_for_incident(server, "deadline")
    assert record["message"] == "Request timed out"
    assert (record["method"], record["target"]) == ("GET", "/sleep?seconds=60")
    assert (record["peer"], record["phase"], record["slot"]) == ("127.0.0.1", "running", 0)
    assert record["request"] >= 1
    assert 0.5 <= record["age_seconds"] < PATIENCE
    assert 0 <= record["queued_seconds"] <= record["age_seconds"]
    assert record["cpu_seconds"] < 0.4
    assert (record["bytes_in"], record["bytes_out"]) == (0, 0)
    assert "answered 504" in record["action"]
    assert any(re.search(r'File ".*trouble\.py", line \d+,? in sleep', f) for f in record["stacks"])
    assert any(record["thread"] in frame for frame in record["stacks"])
    if kernel_tells():
        assert record["waits_in"] == "clock_nanosleep"


def test_worker_timeout_has_its_fields(serve: Serve) -> None:
    """A worker without progress: a record for its request, one for the stacks, and who says so."""
    server = serve("trouble:app", *JSON, "--timeout", "2")
    (worker,) = server.workers()
    assert ask(server.address, get("/sleep?seconds=60")).status == 504
    told = wait_for_message(server, rf"^WORKER TIMEOUT \(pid:{worker}\)$")
    assert (told["level"], told["pid"]) == ("critical", server.pid)
    record = wait_for_incident(server, "worker_timeout")
    assert (record["target"], record["pid"]) == ("/sleep?seconds=60", worker)
    assert record["age_seconds"] >= 2
    assert record["action"] == "answered 504"
    stacks = wait_for(server, lambda r: r.get("incident") == "worker_timeout" and "stacks" in r)
    assert "request" not in stacks
    assert any(record["thread"] in frame for frame in stacks["stacks"])
    assert any(re.search(r"trouble\.py.* in sleep", frame) for frame in stacks["stacks"])
    server.wait_for_workers(1, other_than=[worker])


def test_waiting_in_c_is_told_apart(serve: Serve) -> None:
    """C code that keeps the interpreter's lock and waits for another: the kernel knows in what."""
    server = serve("trouble:app", *JSON, "--threads", "2", "--timeout", "2")
    assert ask(server.address, get("/hang-in-c")).status == 504
    record = wait_for_incident(server, "worker_timeout")
    assert record["target"] == "/hang-in-c"
    if kernel_tells():
        assert record["waits_in"] == "futex"


@pytest.mark.crashes
@pytest.mark.unsanitized("a sanitizer takes the signal for itself")
def test_crash_has_its_fields(serve: Serve) -> None:
    """A worker that dies of a signal: the request on that thread, its stacks and its answer."""
    server = serve("trouble:app", *JSON)
    workers = server.workers()
    assert ask(server.address, get("/segfault")).status == 502
    record = wait_for_incident(server, "crash")
    assert (record["level"], record["target"]) == ("critical", "/segfault")
    assert (record["peer"], record["slot"]) == ("127.0.0.1", 0)
    assert record["action"].startswith("SIGSEGV at address 0x0 ")
    assert record["action"].endswith(": answered 502")
    assert "waits_in" not in record, "that would be the handler's own wait"
    assert any(re.search(r"trouble\.py.* in segfault", frame) for frame in record["stacks"])
    server.wait_for_workers(1, other_than=workers)
    assert server.stop() == 0
    records(server)


def test_graceful_timeout_and_busy_threads_are_incidents(serve: Serve) -> None:
    """Requests that are cut off by the end of their worker, and those of one that is all busy."""
    server = serve(
        "trouble:app", *JSON, "--threads", "2", "--timeout", "1", "--graceful-timeout", "1"
    )
    with server.client() as one, server.client() as other:
        one.get("/sleep?seconds=60")
        other.get("/sleep?seconds=61")
        busy = wait_for_message(server, "^All 2 threads have been busy")
        assert (busy["level"], busy["incident"]) == ("warning", "all_busy")
        assert any("in sleep" in frame for frame in busy["stacks"])
        wait_for(server, lambda r: r.get("target") == "/sleep?seconds=60")
        record = wait_for(server, lambda r: r.get("target") == "/sleep?seconds=61")
        assert (record["level"], record["incident"]) == ("warning", "all_busy")
        assert record["action"] == "it goes on"
        server.signal(signal.SIGTERM)
        assert one.read_response().status == 503
        assert other.read_response().status == 503
    assert server.wait_exit() == 0
    ended = [r for r in records(server) if r.get("incident") == "worker_end"]
    assert sorted(r["target"] for r in ended) == ["/sleep?seconds=60", "/sleep?seconds=61"]
    assert {r["action"] for r in ended} == {"answered 503"}


# ---- what is long, hostile or not read ---------------------------------------------------------


def test_long_stacks_arrive_whole(serve: Serve, tmp_path: Path) -> None:
    """Stacks longer than a line may be come in numbered parts of one record, every frame."""
    folder = tmp_path / ("a_long_name_" * 5)
    folder.mkdir()
    (folder / "deep_site.py").write_text(DEEP)
    server = serve("deep_site:app", *JSON, "--timeout", "1", cwd=folder)
    assert ask(server.address, get("/hello")).status == 504

    def parts() -> list[Record]:
        found = [r for r in records(server) if "stacks" in r]
        return found if found and len(found) == found[0]["parts"] else []

    found = wait_until(parts, lambda: f"all parts; log ends:\n{server.log.text[-2000:]}")
    assert [r["part"] for r in found] == list(range(1, len(found) + 1))
    assert len({(r["pid"], r["record"], r["time"], r["incident"]) for r in found}) == 1
    frames = [frame for r in found for frame in r["stacks"]]
    deep = [f for f in frames if re.fullmatch(r'  File ".*deep_site\.py", line \d+,? in deep', f)]
    assert len(deep) == 60 * 91
    assert frames[-1].endswith("in app") or any(f.endswith(" in app") for f in frames)
    assert max(len(line) for line in server.log.lines()) < 4096


HOSTILE = [
    b'GET /sleep?seconds=60&x="\\%00%ff{} HTTP/1.1\r\nHost: test\r\nX: \xff"\\\r\n\r\n',
    b"GET /\x01\x1b[2J\xff HTTP/1.1\r\nHost: test\r\n\r\n",
    b"G\xffT /\xed\xa0\x80 HTTP/1.1\r\nHost: test\r\n\r\n",
    b'GET /hello HTTP/1.1\r\nHost: \xc3(\xff"\r\nX-\xff: 1\r\n\r\n',
    b'GET /raises?"\\ HTTP/1.1\r\nHost: test\r\nX-Other: \xff\x80"\\\r\n\r\n',
    b"GET /hello HTTP/1.1\r\nHost: test\r\nCookie: \x00\x7f\xff\r\n\r\n",
    b"\xff\xfe\x00\r\n\r\n",
]


def test_hostile_bytes_leave_readable_lines(serve: Serve) -> None:
    """Whatever clients send in target, method and headers: each line parses and is plain ASCII."""
    server = serve("trouble:app", *JSON, "--log-level", "debug", "--request-timeout", "0.3")
    for request in HOSTILE:
        with server.client() as client:
            client.send(request)
            client.half_close()
            client.read_until_closed()
    record = wait_for_incident(server, "deadline")
    assert record["target"] == '/sleep?seconds=60&x="\\%00%ff{}'
    assert server.stop() == 0
    assert len(records(server)) > len(HOSTILE)


class SlowReader:
    """A named pipe that holds little, and a reader that sleeps between resume() and pause()."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._end, fcntl.F_SETPIPE_SZ, 4096)
        self._got = bytearray()
        self._awake, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._over.is_set():
            if not self._awake.wait(0.01):
                continue
            try:
                self._got.extend(os.read(self._end, 4096))
            except BlockingIOError:
                self._over.wait(0.001)

    @property
    def text(self) -> str:
        return self._got.decode()

    def wait_for(self, text: str, count: int = 1) -> None:
        wait_until(lambda: self.text.count(text) >= count, lambda: f"{text}: {self.text[-2000:]}")

    def resume(self) -> None:
        self._awake.set()

    def pause(self) -> None:
        self._awake.clear()

    def close(self) -> None:
        self._over.set()
        self._thread.join(PATIENCE)
        os.close(self._end)


@pytest.fixture
def slow_reader(tmp_path: Path) -> Iterator[SlowReader]:
    reader = SlowReader(tmp_path / "log")
    yield reader
    reader.close()


def test_slow_reader_gets_whole_lines(slow_reader: SlowReader, serve: Serve) -> None:
    """Two workers, one pipe, a reader that sleeps: no line is torn, lost ones are told of."""
    slow_reader.resume()
    place = ["--error-logfile", str(slow_reader.path)]
    server = serve("trouble:app", *JSON, *place, "--workers", "2", ready=False)
    slow_reader.wait_for("Booting worker", 2)
    found = re.search(r"http://([\d.]+):(\d+)", slow_reader.text)
    assert found is not None
    slow_reader.pause()
    for _ in range(400):
        ask((found[1], int(found[2])), get("/raises?" + "x" * 2000))
    slow_reader.resume()
    slow_reader.wait_for("log lines dropped")
    server.signal(signal.SIGTERM)
    server.wait_exit()
    slow_reader.wait_for("Shutting down")
    wait_until(lambda: slow_reader.text.endswith("\n"), "the end of its last line")
    told = [parsed(line) for line in slow_reader.text.splitlines()]
    assert any(record["message"].startswith("Error handling request") for record in told)


# ---- the page --------------------------------------------------------------------------------


def test_page_has_every_field() -> None:
    """docs/logs.md has a row for each field, and its samples are records as they are made."""
    page = (ROOT / "docs" / "logs.md").read_text()
    kinds = "|".join(TYPES)
    rows = re.findall(rf"^\| `(\w+)` \| ({kinds}) \|", page, re.MULTILINE)
    assert dict(rows) == COMMON | OTHERS
    samples = re.findall(r'^\{"time":"[^"]*","level".*\}$', page, re.MULTILINE)
    assert len(samples) >= 3
    for sample in samples:
        parsed(sample)
