# SPDX-License-Identifier: MIT
"""What a scenario is: how a program is started, what is done to it, what of it is compared.

In arguments, file names and texts ``PRODUCT`` stands for the program's name, ``HEARD_PORT`` for a
UDP port and ``HEARD_PATH`` for a Unix socket where datagrams are heard. Plain data: what is done
with it is in perform.py.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# ---- steps of a served scenario ----


@dataclass(frozen=True)
class Get:
    """One request on a connection of its own; its reply is compared."""

    path: str = "/"


@dataclass(frozen=True)
class Start:
    """A GET that is left unanswered for now; `Finish` reads its reply."""

    path: str


@dataclass(frozen=True)
class Finish:
    """The reply to the oldest `Start`, or that its connection just ended."""


@dataclass(frozen=True)
class Signal:
    """To the arbiter, to the oldest worker, or to whom a pid file names."""

    number: signal.Signals
    worker: bool = False
    to: str = ""


@dataclass(frozen=True)
class WaitLog:
    """Until so many lines of the error log match."""

    pattern: str
    count: int = 1


@dataclass(frozen=True)
class WaitFile:
    """Until so many lines of a file of the folder match `text`; without it, until it is there."""

    name: str
    text: str = ""
    count: int = 1


@dataclass(frozen=True)
class AskUntil:
    """Requests `path` until a line of a file of the folder matches `text`; no reply is compared."""

    path: str
    name: str
    text: str


@dataclass(frozen=True)
class WaitWorkers:
    """Until exactly so many workers live, and so many have been ready since the start."""

    living: int
    ready: int


@dataclass(frozen=True)
class Write:
    """Writes a file of the folder."""

    name: str
    text: str


@dataclass(frozen=True)
class Move:
    """Renames a file of the folder."""

    name: str
    to: str


@dataclass(frozen=True)
class Look:
    """A file of the folder as it is now is compared: mode, owner (if another), text."""

    name: str
    text: bool = True


@dataclass(frozen=True)
class WaitHeard:
    """Until so many datagrams match."""

    pattern: str
    count: int = 1


@dataclass(frozen=True)
class Follow:
    """From now on the program is the living process that a pid file names, if it is another."""

    name: str


@dataclass(frozen=True)
class WaitExit:
    """Until the program has ended by itself."""


Step = (
    Get
    | AskUntil
    | Start
    | Finish
    | Signal
    | WaitLog
    | WaitFile
    | WaitWorkers
    | Write
    | Move
    | Look
    | WaitHeard
    | Follow
    | WaitExit
)


# ---- scenarios ----


@dataclass(frozen=True)
class Scenario:
    """One run of the program.

    Without steps it is one that ends by itself. With steps it serves, and is stopped by TERM after
    the last one. `section` is the section of gunicorn's behaviour it belongs to, `settings` names
    those whose row it stands for. `lines`: of standard output, only lines that begin with one of
    these words are compared. `log` is the file with the error log, where that is not standard
    error. `script`: this file is run by Python instead of the program. `passes`: it is passed a
    listening socket, as systemd does it. `as_root`: only root can run it, and others write into
    its folder. The part "heard" are datagrams.
    """

    name: str
    section: str
    args: tuple[str, ...] = ()
    app: str | None = "app:app"
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    compare: tuple[str, ...] = ("exit", "stdout", "stderr")
    settings: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    log: str = ""
    script: str = ""
    passes: bool = False
    as_root: bool = False

    def names(self) -> Iterator[tuple[str, str]]:
        """The scenario's name and section."""
        yield self.name, self.section


@dataclass(frozen=True)
class Exchange:
    """Bytes on a connection of their own, and what came back.

    Each item of `sends` is sent when the reply to the one before has been read; an empty one only
    looks for what else comes. `half_close`: the client then says that it has nothing more to say.
    """

    name: str
    section: str
    sends: tuple[bytes, ...]
    half_close: bool = False


@dataclass(frozen=True)
class Group:
    """Many exchanges with one server, one after another; each counts as a scenario.

    `logs`: after each exchange the lines of the error log and of the access log that it left are
    compared too. They are told apart by a request that writes a mark into both.
    """

    name: str
    exchanges: tuple[Exchange, ...]
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    logs: bool = False

    def names(self) -> Iterator[tuple[str, str]]:
        """Names and sections of its exchanges."""
        for exchange in self.exchanges:
            yield f"{self.name}: {exchange.name}", exchange.section


Job = Scenario | Group
Observed = dict[str, dict[str, str]]
"""Scenario name to part to what was seen of it."""
