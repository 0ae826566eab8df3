# SPDX-License-Identifier: MIT
"""The examples do what they say."""

from __future__ import annotations

import re
import shlex
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.support.server import ROOT

EXAMPLES = ROOT / "examples"
ROWS = re.findall(
    r"\[(\w[\w.]*\.py)\]\(\1\) \| `winghorn (.*?)`", (EXAMPLES / "README.md").read_text()
)


def test_every_example_is_in_the_table() -> None:
    """The table names every file of the folder."""
    assert sorted(name for name, _ in ROWS) == sorted(path.name for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize(("name", "line"), ROWS)
def test_example_serves(serve: Serve, name: str, line: str) -> None:
    """The command beside the example serves it."""
    if name.startswith(("flask", "django")):
        pytest.importorskip(name.partition("_")[0])
    server = serve(*shlex.split(line), cwd=EXAMPLES, env={"PYTHONDONTWRITEBYTECODE": "1"})
    reply = httpx.get(server.url)
    assert reply.status_code == 200
    if name == "flask_site.py":
        assert reply.text == "<p>Hello, Flask!</p>"
        server.wait_for_log("somebody says hello")
    if name == "winghorn.conf.py":
        server.wait_for_out("GET / HTTP/1.1")
    if name == "streaming.py":
        assert reply.text.split() == [str(number) for number in range(1, 11)]
        assert httpx.post(server.url, content=_blocks()).text == "AB" * 200_000


def _blocks() -> Any:
    for _ in range(4):
        yield b"ab" * 50_000
