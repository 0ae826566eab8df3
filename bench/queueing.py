#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long short requests wait behind long ones: several workers against one ideal queue.

99 % of the requests take 1 ms, 1 % take 200 ms, 60 % of all slots are busy. They come by an open
loop (bench/open_loop.cc): latency counts from when a request was due. The ideal is one queue with
as many servers as there are slots, simulated on the same schedule.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.harness import install, machine
from bench.harness.plot import latency_plot
from bench.harness.process import ServerError, ServerProcess, free_port
from bench.harness.servers import BENCH, OPEN_LOOP, VENV, ours_program
from bench.harness.summary import table

RESULTS = BENCH / "results" / "queueing.json"
APP = "bench_sleep:app"
WORKERS = 4
SHORT_MS, LONG_MS, LONG_SHARE = 1.0, 200.0, 0.01
UTILISATION = 0.6
CONNECTIONS = (16, 64)
QUANTILES = (0.5, 0.99, 0.999)
SEED = 20


@dataclass(frozen=True)
class Contestant:
    """A server with so many slots in all; `command` lacks the application and the port."""

    name: str
    slots: int
    command: tuple[str, ...]
    needs: Path


@dataclass(frozen=True)
class Request:
    """One line of the open loop; times in ms."""

    due: float
    is_long: bool
    latency: float
    status: int


def contestants() -> list[Contestant]:
    """Every server that is there."""
    ours, gunicorn, granian = ours_program(), VENV / "bin/gunicorn", VENV / "bin/granian"
    workers = ("--workers", str(WORKERS))
    threads = ("--worker-class", "gthread", "--threads", "2")
    like_gunicorn = (APP, *workers, "--bind")
    rust = ("--interface", "wsgi", "--no-ws", *workers, "--blocking-threads", "1", APP, "--port")
    all_of_them = [
        Contestant("winghorn sync", WORKERS, (str(ours), *like_gunicorn), ours),
        Contestant("winghorn gthread", 2 * WORKERS, (str(ours), *threads, *like_gunicorn), ours),
        Contestant("gunicorn sync", WORKERS, (str(gunicorn), *like_gunicorn), gunicorn),
        Contestant(
            "gunicorn gthread", 2 * WORKERS, (str(gunicorn), *threads, *like_gunicorn), gunicorn
        ),
        Contestant("granian", WORKERS, (str(granian), *rust), granian),
    ]
    return [one for one in all_of_them if one.needs.exists()]


def command_for(one: Contestant, port: int) -> list[str]:
    """What starts it on `port`."""
    where = str(port) if one.command[-1] == "--port" else f"127.0.0.1:{port}"
    return [*one.command, where]


def rate_for(slots: int) -> float:
    """Requests a second that keep UTILISATION of the slots busy."""
    mean_ms = (1 - LONG_SHARE) * SHORT_MS + LONG_SHARE * LONG_MS
    return UTILISATION * slots * 1000 / mean_ms


def run_open_loop(port: int, connections: int, rate: float, seconds: int) -> list[Request]:
    """Raises ServerError when the client could not do its part."""
    numbers = (port, connections, rate, seconds, LONG_SHARE, SEED)
    command = [str(OPEN_LOOP), *(str(number) for number in numbers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise ServerError(done.stderr.strip())
    requests = []
    for line in done.stdout.splitlines():
        due, kind, latency, status = (int(word) for word in line.split())
        requests.append(Request(due / 1000, kind == 1, latency / 1000, status))
    return requests


def ideal(requests: Sequence[Request], servers: int) -> list[Request]:
    """The same requests in one queue, each to the first server that is free."""
    free = [0.0] * servers
    heapq.heapify(free)
    served = []
    for one in requests:
        begin = max(one.due, heapq.heappop(free))
        end = begin + (LONG_MS if one.is_long else SHORT_MS)
        heapq.heappush(free, end)
        served.append(Request(one.due, one.is_long, end - one.due, 200))
    return served


def figures(requests: Sequence[Request]) -> dict[str, float]:
    """Quantiles of the short ones' latencies in ms, and how many failed of all."""
    short = sorted(one.latency for one in requests if not one.is_long and one.status == 200)
    found = {f"p{q * 100:g}_ms": short[min(int(q * len(short)), len(short) - 1)] for q in QUANTILES}
    found["failed"] = sum(one.status != 200 for one in requests)
    found["requests"] = len(requests)
    return found


def measure(one: Contestant, connections: int, seconds: int) -> dict[str, Any]:
    """One run of one server, beside the ideal on the same schedule."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="winghorn-bench-") as folder:
        output = Path(folder) / "output"
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
        with ServerProcess(command_for(one, port), port, output, cpus) as process:
            process.wait_ready()
            before = process.cpu_ns()
            requests = run_open_loop(port, connections, rate_for(one.slots), seconds)
            spent = process.cpu_ns() - before
    found: dict[str, Any] = figures(requests)
    found["cpu_us"] = spent / 1000 / len(requests)
    found["ideal"] = figures(ideal(requests, one.slots))
    return found


@contextmanager
def cpus_awake() -> Iterator[None]:
    """No processor sleeps: waking one costs its waker and the woken more than what they do."""
    spinners = [
        subprocess.Popen(["chrt", "--idle", "0", sys.executable, "-c", "while True: pass"])
        for _ in os.sched_getaffinity(0)
    ]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def handover_costs(repetitions: int = 5) -> dict[str, float]:
    """Medians of several runs, with processors that are at work and with some that sleep."""
    asleep = statistics.median(handover_cost() for _ in range(repetitions))
    with cpus_awake():
        awake = statistics.median(handover_cost() for _ in range(repetitions))
    return {"handover_cpu_us": awake, "handover_cpu_us_asleep": asleep}


def handover_cost(count: int = 1000) -> float:
    """CPU µs, in all processes together, that it costs to hand one request to another worker.

    One worker gets all connections, then a second one is started and the first kept busy: every
    connection's next request is handed over. Compared with the same requests once more, which are
    then the second worker's own.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="winghorn-bench-") as folder, ExitStack() as stack:
        command = [str(ours_program()), APP, "--bind", f"127.0.0.1:{port}"]
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
        server = stack.enter_context(
            ServerProcess(
                [*command, "--worker-connections", "4000"], port, Path(folder) / "o", cpus
            )
        )
        server.wait_ready()
        busy, *others = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            for _ in range(count + 1)
        ]
        for one in others:
            ask(one, "/")
        (arbiter, *_) = server.pids()
        os.kill(arbiter, signal.SIGTTIN)
        until = time.monotonic() + 10
        while len(server.worker_pids()) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(1)
        ask(busy, "/")
        busy.sendall(b"GET /busy HTTP/1.1\r\nHost: bench\r\n\r\n")
        time.sleep(0.2)

        def cost_of_a_round() -> float:
            before = server.cpu_ns()
            for one in others:
                ask(one, "/")
            return (server.cpu_ns() - before) / 1000 / count

        handed_over = cost_of_a_round()
        return handed_over - cost_of_a_round()


def ask(connection: socket.socket, path: str) -> None:
    """One request and its answer; raises ServerError when there is none."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
        raise ServerError(f"no answer to {path}")


def result_table(results: dict[str, Any]) -> str:
    """A line for each server and number of connections."""
    rows = []
    for connections, by_name in results["connections"].items():
        for name, found in by_name.items():
            best = found["ideal"]
            cells = [f"{found[f'p{q * 100:g}_ms']:.1f}" for q in QUANTILES]
            cells += [
                f"{found[f'p{q * 100:g}_ms'] / best[f'p{q * 100:g}_ms']:.2f}" for q in QUANTILES[1:]
            ]
            rows.append([name, connections, *cells, f"{found['failed']}", f"{found['cpu_us']:.0f}"])
    head = ["server", "connections", "p50 ms", "p99 ms", "p99.9 ms", "p99 / ideal", "p99.9 / ideal"]
    return table([*head, "failed", "CPU µs"], rows)


def main() -> int:
    """Measures, prints, writes RESULTS; 1 when the load generator cannot be built."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of a run (default 60)")
    parser.add_argument(
        "-n", "--repetitions", type=int, default=1, help="of each; the median counts"
    )
    parser.add_argument("--only", action="append", help="only these servers")
    arguments = parser.parse_args()
    try:
        install.build_open_loop()
    except install.MissingTool as missing:
        print(f"queueing: {missing}", file=sys.stderr)
        return 1
    results: dict[str, Any] = {
        "machine": machine.describe(lambda text: print(text, file=sys.stderr)),
        "seconds": arguments.seconds,
        "connections": {},
    }
    for connections in CONNECTIONS:
        by_name = results["connections"].setdefault(str(connections), {})
        for one in contestants():
            if arguments.only and one.name not in arguments.only:
                continue
            runs = [
                measure(one, connections, arguments.seconds) for _ in range(arguments.repetitions)
            ]
            runs.sort(key=lambda run: float(run["p99_ms"]))
            by_name[one.name] = runs[len(runs) // 2]
            p99 = statistics.median(run["p99_ms"] for run in runs)
            print(f"  {connections:3} {one.name:17} p99 {p99:7.1f} ms", file=sys.stderr, flush=True)
    results |= handover_costs()
    print(f"a handover costs {results['handover_cpu_us']:.1f} µs of CPU")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    RESULTS.with_suffix(".svg").write_text(latency_plot(results))
    print(result_table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
