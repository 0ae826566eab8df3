# SPDX-License-Identifier: MIT
"""One run of one server under one load: what it cost, how fast it answered, what went wrong."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.harness.process import ServerError, ServerProcess, free_port
from bench.harness.scenarios import Scenario
from bench.harness.servers import Server, Start

LUA = Path(__file__).with_name("wrk.lua")
ERRORS = ("connect", "read", "write", "status", "timeout")


@dataclass(frozen=True)
class Cpus:
    """Which CPU the server runs on, and which the client."""

    server: str
    client: str


@dataclass
class Run:
    """The figures of one run. CPU is that of the whole process tree for each completed request."""

    requests: int = 0
    cpu_us: float = 0.0
    rps: float = 0.0
    p50_us: float = 0.0
    p99_us: float = 0.0
    problems: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return asdict(self)


def wrk(scenario: Scenario, port: int, seconds: int, cpu: str) -> dict[str, float]:
    """Runs wrk on `cpu`; the figures of wrk.lua's last line. Raises ServerError."""
    command = ["taskset", "-c", cpu, "wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s"]
    command += ["--timeout", "5s", "-s", str(LUA), f"http://127.0.0.1:{port}/", "--"]
    command += [f"method={scenario.method}"]
    command += [f"body={scenario.body_bytes}"] if scenario.body_bytes else []
    command += ["browser"] if scenario.browser_headers else []
    command += ["close"] if scenario.close else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 20)
    except subprocess.TimeoutExpired as late:
        raise ServerError("wrk did not end") from late
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            pairs = (word.split("=") for word in line.split()[1:])
            return {name: float(value) for name, value in pairs}
    raise ServerError(f"wrk said: {(done.stderr or done.stdout).strip()[-200:]}")


def check_answer(scenario: Scenario, answer: bytes) -> None:
    """Raises ServerError when the body of the first answer is not the application's."""
    wanted = b"Hello, world!\n"
    if scenario.body_bytes:
        wanted = b"e" * scenario.body_bytes
    elif scenario.name == "body10k":
        wanted = b"x" * 10240
    if answer != wanted:
        raise ServerError(f"wrong body of {len(answer)} bytes")


def measure(server: Server, scenario: Scenario, seconds: int, cpus: Cpus) -> Run | None:
    """One run, warm-up first; None when the server has no such mode. Never raises for a peer's
    fault: what went wrong is in Run.problems."""
    with tempfile.TemporaryDirectory(prefix="winghorn-bench-") as folder:
        output = Path(folder) / "output"
        log = Path(folder) / "access.log" if scenario.access_log else None
        port = free_port()
        start = Start(scenario.app, port, scenario.floor, access_log=log)
        command = server.command(start)
        if command is None:
            return None
        client = cpus.server if scenario.one_cpu else cpus.client
        run = Run()
        try:
            flask = scenario.app.startswith("bench_flask")
            with ServerProcess(command, port, output, cpus.server, flask=flask) as process:
                answer = process.wait_ready(scenario.method, b"e" * scenario.body_bytes)
                check_answer(scenario, answer)
                wrk(scenario, port, 1, client)
                _fill(run, process, scenario, seconds, client)
            if log and server.name != "floor":
                _check_log(run, output if server.logs_to_stdout else log)
        except ServerError as error:
            run.problems.append(str(error))
        return run


def _fill(run: Run, process: ServerProcess, scenario: Scenario, seconds: int, client: str) -> None:
    pids = process.pids()
    before = process.cpu_ns()
    result = wrk(scenario, process.port, seconds, client)
    spent = process.cpu_ns() - before
    run.requests = int(result["requests"])
    if run.requests == 0:
        raise ServerError("no request was answered")
    run.cpu_us = spent / 1000 / run.requests
    run.rps = run.requests / (result["duration_us"] / 1e6)
    run.p50_us, run.p99_us = result["p50_us"], result["p99_us"]
    run.problems += [f"{result[kind]:.0f} {kind} errors" for kind in ERRORS if result[kind]]
    if process.pids() != pids:
        run.problems.append("a process of it died or was started during the run")


def _check_log(run: Run, log: Path) -> None:
    lines = log.read_bytes().count(b"\n") if log.exists() else 0
    if lines < run.requests:
        run.problems.append(f"{lines} access log lines for {run.requests} requests and a warm-up")
