# SPDX-License-Identifier: MIT
"""What is not a load: memory of idle connections and of a bare worker, sharing, start-up."""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.harness.load import Cpus
from bench.harness.process import ServerError, ServerProcess, fetch, free_port
from bench.harness.scenarios import HELLO
from bench.harness.servers import Server, Start

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
BALANCE_WORKERS = 4
BALANCE_SAMPLES = 5
ESTABLISHED = "01"


@contextlib.contextmanager
def hello_server(
    server: Server, cpus: str, *, workers: int = 1, many_connections: bool = False
) -> Iterator[ServerProcess | None]:
    """The hello application on `server`, ready; None when it has no such mode."""
    with tempfile.TemporaryDirectory(prefix="winghorn-bench-") as folder:
        port = free_port()
        start = Start(HELLO, port, "hello", workers, many_connections=many_connections)
        command = server.command(start)
        if command is None:
            yield None
            return
        with ServerProcess(command, port, Path(folder) / "output", cpus) as process:
            process.wait_ready()
            yield process


def idle_connections(server: Server, cpus: Cpus, count: int) -> dict[str, float] | None:
    """Growth of the tree's resident memory by `count` kept-alive connections, each of which has
    had one answer, in bytes for each. Raises ServerError when the server will not keep them."""
    with hello_server(server, cpus.server, many_connections=True) as process:
        if process is None:
            return None
        for _ in range(200):  # so that code and caches are in memory before the first look
            fetch(process.port)
        before = process.memory_kib("Rss")
        connections: list[socket.socket] = []
        try:
            for _ in range(count):
                connections.append(_answered_connection(process.port))
            grown = process.memory_kib("Rss") - before
            closed = sum(_is_closed(connection) for connection in connections)
        finally:
            for connection in connections:
                connection.close()
        if closed:
            raise ServerError(f"closed {closed} of {count} idle connections")
        return {"connections": count, "bytes_each": grown * 1024 / count}


def _answered_connection(port: int) -> socket.socket:
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        connection.sendall(REQUEST)
        answer = connection.recv(4096)
    except OSError as error:
        raise ServerError(f"an idle connection could not be made: {error}") from error
    while answer and not answer.endswith(b"Hello, world!\n"):
        more = connection.recv(4096)
        if not more:
            break
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ServerError(f"answered {answer[:40]!r}")
    return connection


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def bare_worker(server: Server, cpus: Cpus) -> dict[str, float] | None:
    """Memory of one worker with the hello application after 100 requests, in KiB: its resident
    set, the part of it that nobody shares, and the whole tree's proportional set."""
    with hello_server(server, cpus.server) as process:
        if process is None:
            return None
        for _ in range(100):
            fetch(process.port)
        workers = process.worker_pids()
        private = [process.memory_kib(f"Private_{kind}", workers) for kind in ("Clean", "Dirty")]
        return {
            "rss_kib": process.memory_kib("Rss", workers) / len(workers),
            "private_kib": sum(private) / len(workers),
            "tree_pss_kib": process.memory_kib("Pss"),
        }


def start_to_first_answer(server: Server, cpus: Cpus, times: int) -> dict[str, float] | None:
    """Milliseconds from the start of the command to the end of the first answer; median."""
    took = []
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="winghorn-bench-") as folder:
            port = free_port()
            command = server.command(Start(HELLO, port, "hello"))
            if command is None:
                return None
            with ServerProcess(command, port, Path(folder) / "output", cpus.server) as process:
                process.wait_ready()
                took.append((time.monotonic() - process.began) * 1000)
    return {"median_ms": statistics.median(took), "times": times}


def balance(server: Server, cpus: Cpus, connections: int) -> dict[str, float] | None:
    """Four workers under load: the largest worker's share of the connections over the mean share
    (1 is perfect), the median of some looks; connections still in a backlog count for nobody."""
    both = f"{cpus.server},{cpus.client}"
    with hello_server(server, both, workers=BALANCE_WORKERS) as process:
        if process is None:
            return None
        _wait_for(lambda: len(process.worker_pids()) >= BALANCE_WORKERS)
        command = ["wrk", "-t1", f"-c{connections}", "-d20s", f"http://127.0.0.1:{process.port}/"]
        load = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            looks = []
            for _ in range(BALANCE_SAMPLES):
                time.sleep(0.5)
                shares = _connections_by_worker(process)
                looks.append((shares[0] / (sum(shares) / BALANCE_WORKERS), sum(shares)))
        finally:
            load.terminate()
            load.wait(10)
        return {
            "largest_over_mean": statistics.median(look[0] for look in looks),
            "accepted": statistics.median(look[1] for look in looks),
        }


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        if time.monotonic() > until:
            raise ServerError("its workers did not all come")
        time.sleep(0.01)


def _connections_by_worker(process: ServerProcess) -> list[int]:
    """How many accepted connections each worker holds, the largest first."""
    wanted = f":{process.port:04X}"
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(wanted) and words[3] == ESTABLISHED:
            inodes.add(f"socket:[{words[9]}]")
    held: Counter[int] = Counter()
    for pid in process.pids():
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(entry) in inodes:  # noqa: PTH115
                    held[pid] += 1
    if not held:
        raise ServerError("no connection was accepted")
    return sorted(held.values(), reverse=True)
