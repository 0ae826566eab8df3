# SPDX-License-Identifier: MIT
"""Performs a scenario or a group of exchanges with one program and tells what was seen.

What it returns is normalised text; two programs that behave alike give the same.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM

from tests.parity import normalise
from tests.parity.ear import Ear
from tests.parity.normalise import Run
from tests.parity.products import HERE, Product
from tests.parity.program import PATIENCE, READY, Program
from tests.parity.scenario import (
    AskUntil,
    Exchange,
    Finish,
    Follow,
    Get,
    Group,
    Job,
    Look,
    Move,
    Observed,
    Scenario,
    Signal,
    Start,
    Step,
    WaitExit,
    WaitFile,
    WaitHeard,
    WaitLog,
    WaitWorkers,
    Write,
)
from tests.parity.wire import Connection
from tests.support.systemd import passing
from tests.support.waiting import wait_until

APPS = HERE / "apps"
FOLDER_NAME = "work"
# Told by a hook and not by the log, so that scenarios may do to the log what they want.
CONFIG = "gunicorn.conf.py"
PRELUDE = f"""
def post_worker_init(worker):
    with open({READY!r}, "a") as ready:
        ready.write("ready\\n")
"""


def perform(job: Job, product: Product, version: str) -> Observed:
    """What the program did, by scenario and part. What went wrong is a part of it: `failure`."""
    with _folder() as folder:
        if isinstance(job, Group):
            return _group(job, product, version, folder)
        try:
            parts = _scenario(job, product, version, folder)
        except (AssertionError, OSError, ValueError) as error:
            parts = {"failure": f"{type(error).__name__}: {error}"}
        return {job.name: parts}


@contextmanager
def _folder() -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(prefix="parity-"))
    try:
        folder = top / FOLDER_NAME
        folder.mkdir()
        for app in APPS.iterdir():
            if app.suffix == ".py":
                shutil.copy(app, folder)
        yield folder
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _write(files: Mapping[str, str], product: Product, folder: Path) -> None:
    for name, text in files.items():
        path = folder / product.named(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(product.named(text))


# ---- scenarios ----


def _scenario(scenario: Scenario, product: Product, version: str, folder: Path) -> dict[str, str]:
    with ExitStack() as stack:
        ear = stack.enter_context(Ear(folder.parent / "heard.sock"))
        passed = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        if scenario.as_root:
            folder.parent.chmod(0o755)
            folder.chmod(0o777)

        def said(text: str) -> str:
            text = product.named(text).replace("HEARD_PORT", str(ear.port))
            return text.replace("HEARD_PATH", str(ear.path))

        _write({name: said(text) for name, text in _files(scenario).items()}, product, folder)
        command = [said(word) for word in _command(scenario, product)]
        descriptors = []
        if scenario.passes:
            command = [*passing(passed.fileno()), *command]
            descriptors = [passed.fileno()]
        env = {name: said(value) for name, value in scenario.env.items()}
        program = stack.enter_context(Program(product, folder, command, env, descriptors))
        passed.close()
        served = _Served(program, folder, product, ear, scenario.log)
        if scenario.steps:
            served.take(scenario.steps)
            if program.running():
                program.signal(SIGTERM)
        status = program.wait()
        run = Run(
            product.name, version, str(folder), product.command[0], program.pid, tuple(served.ports)
        )
        log = (folder / scenario.log).read_text("utf-8", "replace") if scenario.log else program.err
        parts = {
            "exit": str(status),
            "stdout": _chosen(normalise.program_text(program.out, run), scenario.lines),
            "stderr": normalise.program_text(program.err, run),
            "arbiter": normalise.arbiter_log(log, run),
            "workers": normalise.workers_log(log, run),
            "heard": normalise.datagrams(ear.listen(), run),
            "trace": _trace(folder, run),
        }
        parts = {name: text for name, text in parts.items() if name in scenario.compare}
        seen = {
            name: normalise.program_text(normalise.without_own_keys(text), run)
            for name, text in served.seen.items()
        }
        return parts | seen


def _files(scenario: Scenario) -> dict[str, str]:
    files = dict(scenario.files)
    for name in (CONFIG, scenario.script):
        if scenario.steps and name:
            files[name] = PRELUDE + files.get(name, "")
    return files


def _command(scenario: Scenario, product: Product) -> list[str]:
    if scenario.script:
        return [product.python, scenario.script, *scenario.args]
    args = [*scenario.args, *([scenario.app] if scenario.app is not None else [])]
    if scenario.steps and not scenario.passes:
        args = ["--bind", "127.0.0.1:0", *args]
    if scenario.steps or "stderr" not in scenario.compare:
        args = [*product.serving, *args]
    return [*product.command, *args]


def _chosen(text: str, words: tuple[str, ...]) -> str:
    if not words:
        return text
    lines = text.splitlines()
    return "\n".join(line for line in lines if line.split(" ")[0] in words)


def _trace(folder: Path, run: Run) -> str:
    """The lines of the file `trace`.

    Those of workers, who write in no order, are sorted; so is what the arbiter says several times
    on end, of workers that end at the same time.
    """
    file = folder / "trace"
    lines = normalise.program_text(file.read_text(), run).splitlines() if file.exists() else []
    workers = sorted(line for line in lines if line.startswith("worker "))
    arbiter = [line for line in lines if not line.startswith("worker ")]
    runs = itertools.groupby(arbiter, key=lambda line: line.split(" ")[:2])
    return "\n".join([line for _, same in runs for line in sorted(same)] + workers)


@dataclass
class _Served:
    """The steps of one run, and what they have seen."""

    program: Program
    folder: Path
    product: Product
    ear: Ear
    log: str
    seen: dict[str, str] = field(default_factory=dict)
    ports: set[int] = field(default_factory=set)
    started: list[Connection] = field(default_factory=list)

    def take(self, steps: tuple[Step, ...]) -> None:
        try:
            for number, step in enumerate(steps):
                self._step(number, step)
        finally:
            for connection in self.started:
                connection.close()

    def _step(self, number: int, step: Step) -> None:
        doers: dict[type, Callable[[int, Step], None]] = {
            Get: self._get,
            AskUntil: self._ask_until,
            Start: self._start,
            Finish: self._finish,
            Look: self._look,
            WaitHeard: self._wait_heard,
        }
        program = self.program
        if type(step) in doers:
            doers[type(step)](number, step)
        elif isinstance(step, Signal):
            program.signal(step.number, self._receiver(step))
        elif isinstance(step, WaitLog):
            error_log = self.folder / self.log if self.log else self.folder.parent / "stderr"
            program.wait_for_lines(error_log, self.product.named(step.pattern), step.count)
        elif isinstance(step, WaitFile):
            file = self.folder / self.product.named(step.name)
            program.wait_for_lines(file, self.product.named(step.text), step.count)
        elif isinstance(step, WaitWorkers):
            program.wait_for_workers(step.living, step.ready)
        elif isinstance(step, Write):
            _write({step.name: self._with_prelude(step)}, self.product, self.folder)
        elif isinstance(step, Move):
            (self.folder / step.name).rename(self.folder / step.to)
        elif isinstance(step, Follow):
            program.follow(self.folder / step.name)
        elif isinstance(step, WaitExit):
            program.wait()

    def _receiver(self, step: Signal) -> int | None:
        if step.to:
            return int((self.folder / step.to).read_text())
        return self.program.workers()[0] if step.worker else None

    def _wait_heard(self, number: int, step: Step) -> None:
        assert isinstance(step, WaitHeard)

        def heard() -> bool:
            matches = [one for one in self.ear.listen() if re.search(step.pattern, one)]
            return len(matches) >= step.count

        wait_until(heard, lambda: f"{step.pattern} heard: {self.ear.datagrams}", PATIENCE)

    def _with_prelude(self, step: Write) -> str:
        return PRELUDE + step.text if step.name == CONFIG else step.text

    def _connection(self) -> Connection:
        connection = Connection(self.program.connect())
        self.ports |= {self.program.port(), connection.port}
        return connection

    def _get(self, number: int, step: Step) -> None:
        assert isinstance(step, Get)
        connection = self._connection()
        try:
            self.seen[f"reply {number}"] = connection.exchange(_get(step.path))
        finally:
            connection.close()

    def _ask_until(self, number: int, step: Step) -> None:
        assert isinstance(step, AskUntil)
        file = self.folder / step.name

        def written() -> bool:
            connection = self._connection()
            try:
                connection.exchange(_get(step.path))
            finally:
                connection.close()
            return file.exists() and re.search(step.text, file.read_text()) is not None

        wait_until(written, lambda: f"{step.text} in {step.name}:\n{self.program.err}", PATIENCE)

    def _start(self, number: int, step: Step) -> None:
        assert isinstance(step, Start)
        connection = self._connection()
        self.started.append(connection)
        connection.send(_get(step.path))

    def _finish(self, number: int, step: Step) -> None:
        connection = self.started.pop(0)
        try:
            self.seen[f"reply {number}"] = connection.read()
        finally:
            connection.close()

    def _look(self, number: int, step: Step) -> None:
        assert isinstance(step, Look)
        file = self.folder / step.name
        if not file.exists():
            self.seen[f"file {number}"] = f"{step.name} is not there"
            return
        text = "a socket" if file.is_socket() else file.read_text() if step.text else ""
        text = text.replace(str(self.program.pid), "<arbiter>")
        if ".pid" in step.name:
            text = re.sub(r"^\d{3,}$", "<another>", text)
        about = file.stat()
        owner = "" if about.st_uid == os.geteuid() else f" of {about.st_uid}:{about.st_gid}"
        mode = stat.S_IMODE(about.st_mode)
        self.seen[f"file {number}"] = f"{step.name} {mode:o}{owner}\n{text}"


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()


# ---- groups ----

_MARK = "GET /mark?{} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
_LOGS = ("--access-logfile", "access.log", "--error-logfile", "error.log")


def _group(group: Group, product: Product, version: str, folder: Path) -> Observed:
    files = dict(group.files)
    files[CONFIG] = PRELUDE + files.get(CONFIG, "")
    _write(files, product, folder)
    args = [*product.command, *product.serving, "--bind", "127.0.0.1:0"]
    args += _LOGS if group.logs else ()
    args += [*(product.named(arg) for arg in group.args), "app:app"]
    found: Observed = {}
    with Program(product, folder, args, group.env) as program:
        run = Run(product.name, version, str(folder), product.command[0], program.pid)
        try:
            program.wait_for_workers(1, 1)
        except AssertionError as error:
            return {name: {"failure": str(error)} for name, _ in group.names()}
        for number, exchange in enumerate(group.exchanges):
            name = f"{group.name}: {exchange.name}"
            try:
                found[name] = _exchange(exchange, program, run)
                if group.logs:
                    found[name] |= _logged(number, program, folder, run)
            except (AssertionError, OSError, ValueError) as error:
                found[name] = {"failure": f"{type(error).__name__}: {error}"}
                if not program.running():
                    break
        if program.running():
            program.signal(SIGTERM)
        with suppress(AssertionError):
            program.wait()
    return found


def _exchange(exchange: Exchange, program: Program, run: Run) -> dict[str, str]:
    """The replies to one exchange."""
    connection = Connection(program.connect())
    ports = (program.port(), connection.port)
    here = Run(run.product, run.version, run.folder, run.program, run.pid, ports)
    parts: dict[str, str] = {}
    try:
        for number, data in enumerate(exchange.sends):
            connection.send(data)
            if exchange.half_close and number == len(exchange.sends) - 1:
                connection.socket.shutdown(socket.SHUT_WR)
            head = data.partition(b" ")[0].decode("latin-1")
            text = normalise.names(normalise.without_own_keys(connection.read(head)), here)
            text = normalise.numbers(text, here).rstrip()
            parts["reply" if number == 0 else f"reply {number}"] = text
        parts["then"] = connection.ended()
    finally:
        connection.close()
    return parts


def _logged(number: int, program: Program, folder: Path, run: Run) -> dict[str, str]:
    """What the error log and the access log have got since the mark before."""
    connection = Connection(program.connect())
    ports = (program.port(), connection.port)
    here = Run(run.product, run.version, run.folder, run.program, run.pid, ports)
    try:
        connection.exchange(_MARK.format(number).encode())
    finally:
        connection.close()
    parts = {}
    for name, mark in (("error", f"mark {number}$"), ("access", rf"/mark\?{number}(?: |$)")):
        program.wait_for_lines(folder / f"{name}.log", mark, 1)
        lines = (folder / f"{name}.log").read_text("utf-8", "replace")
        parts[name] = _between(lines, number, name, here)
    return parts


def _between(log: str, number: int, name: str, run: Run) -> str:
    """The part of a log before mark `number` and behind the one before it."""
    before = rf"/mark\?{number - 1}(?: |$)" if name == "access" else f"mark {number - 1}$"
    this = rf"/mark\?{number}(?: |$)" if name == "access" else f"mark {number}$"
    every = log.splitlines()
    begin = next((at + 1 for at, line in enumerate(every) if re.search(before, line)), 0)
    end = next(at for at, line in enumerate(every) if re.search(this, line))
    lines = every[begin:end]
    if name == "access":
        text = normalise.without_page_sizes("\n".join(lines))
        return normalise.program_text(text, run)
    if number == 0:
        lines = []
    text = "\n".join(lines)
    return normalise.workers_log(text, run)
