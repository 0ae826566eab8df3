# SPDX-License-Identifier: MIT
"""The README's code blocks do what they say, in their order and in one folder.

A Python block whose first line is a comment naming a file is written to that file. In a shell block
a line may be `make X` (the target must exist), `pip install .` (tried by .ci/run in an empty
virtualenv), `winghorn ...` (is started, on a port of its own) or `curl` (asks the server started
last). Any other command fails here: what cannot be tried must not be written down.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.server import Server

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(document.read_text(encoding="utf-8"))


class Reader:
    """Somebody who types what the README says."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._url = ""
        self.done: list[str] = []

    def read(self, kind: str, text: str) -> None:
        if kind == "python":
            self._write(text)
        elif kind == "sh":
            for line in filter(None, text.splitlines()):
                self._type(shlex.split(line))
        else:
            pytest.fail(f"nobody knows how to try a block of {kind!r}")

    def _write(self, text: str) -> None:
        named = re.match(r"# (\w[\w.]*\.py)\n", text)
        compile(text, "README.md", "exec")
        if named:
            (self._folder / named[1]).write_text(text, encoding="utf-8")
            self.done.append(named[1])

    def _type(self, words: list[str]) -> None:
        if words[0] == "make":
            subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)
        elif words[0] == "winghorn":
            self._serve(words[1:])
        elif words[0] == "curl":
            self._ask(words[-1])
        elif words != ["pip", "install", "."]:
            pytest.fail(f"the README says {shlex.join(words)}, which this test does not try")
        self.done.append(words[0])

    def _serve(self, words: list[str]) -> None:
        """Each server ends before the next, as it would in one terminal."""
        self._stack.close()
        server = self._stack.enter_context(Server(*words, cwd=self._folder))
        server.ready()
        self._url = server.url

    def _ask(self, url: str) -> None:
        path = url.partition("127.0.0.1:8000")[2]
        with urllib.request.urlopen(self._url + path, timeout=20) as reply:
            assert reply.status == 200
            assert path.encode() in reply.read()


def test_the_readme_is_true(tmp_path: Path) -> None:
    with ExitStack() as stack:
        reader = Reader(tmp_path, stack)
        for kind, text in blocks(ROOT / "README.md"):
            reader.read(kind, text)
    assert {"make", "app.py", "winghorn", "curl"} <= set(reader.done)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    text = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    for target in sorted(set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))):
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)
