# SPDX-License-Identifier: MIT
"""What stands in the documents: their code blocks and the rows of their tables.

A shell block that no test can run has `<!-- not run: WHY -->` on the line before it.

Reader tries blocks: a Python block whose first line is a comment naming a file is written to that
file. In a shell block a line may be `make X` (the target must exist), `pip install .` (tried by
.ci/run in an empty virtualenv), `winghorn ...` (is started, on a port of its own, or run to its end
when its option says so), `curl` (asks the server started last) or `python -m timeit`. Any other
command fails: what cannot be tried must not be written down.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.server import ROOT, Server, environment, run_to_end
from tests.support.waiting import PATIENCE

_ENDS = {"--check-config", "--print-config", "--help", "--version"}
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    kind: str
    text: str
    not_run: str
    """Why no test runs it; empty for those that are run."""


def blocks(document: Path) -> list[Block]:
    found = _BLOCK.finditer(document.read_text(encoding="utf-8"))
    return [Block(one["kind"], one["text"], one["why"] or "") for one in found]


def rows(document: Path) -> list[list[str]]:
    """The cells of all tables, without the lines between head and body."""
    lines = document.read_text(encoding="utf-8").splitlines()
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in cells if set("".join(row)) - set("-: ")]


class Reader:
    """Somebody who types what a document says, in one folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._url = ""
        self.done: list[str] = []

    def read(self, block: Block) -> None:
        if block.kind == "python":
            self._write(block.text)
        elif block.kind == "sh":
            for line in filter(None, block.text.splitlines()):
                self._type(shlex.split(line))
        else:
            pytest.fail(f"nobody knows how to try a block of {block.kind!r}")

    def _write(self, text: str) -> None:
        named = re.match(r"# (\w[\w.]*\.py)\n", text)
        compile(text, "document", "exec")
        if named:
            (self._folder / named[1]).write_text(text, encoding="utf-8")
            self.done.append(named[1])

    def _type(self, words: list[str]) -> None:
        if words[0] == "make":
            subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)
        elif words[0] == "winghorn" and _ENDS & set(words):
            ended = run_to_end(*words[1:], cwd=self._folder)
            assert ended.returncode == 0, ended.stderr
        elif words[0] == "winghorn":
            self._serve(words[1:])
        elif words[0] == "curl":
            self._ask(words[-1])
        elif words[:3] == ["python", "-m", "timeit"]:
            command = [sys.executable, *words[1:3], "-n", "1000", *words[3:]]
            subprocess.run(command, env=environment(), check=True, timeout=PATIENCE)
        elif words != ["pip", "install", "."]:
            pytest.fail(f"the document says {shlex.join(words)}, which this does not try")
        self.done.append(words[0])

    def _serve(self, words: list[str]) -> None:
        """Each server ends before the next, as it would in one terminal."""
        self._stack.close()
        if "--bind" in words:  # its port may be taken: Server chooses one
            where = words.index("--bind")
            words = words[:where] + words[where + 2 :]
        server = self._stack.enter_context(Server(*words, cwd=self._folder))
        server.ready()
        self._url = server.url

    def _ask(self, url: str) -> None:
        path = url.partition("127.0.0.1:8000")[2]
        with urllib.request.urlopen(self._url + path, timeout=20) as reply:
            assert reply.status == 200
            assert path.encode() in reply.read()
