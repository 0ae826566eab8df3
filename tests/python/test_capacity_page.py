# SPDX-License-Identifier: MIT
"""The figures of docs/capacity.md are those of the README's table, which `make bench` makes."""

from __future__ import annotations

import pytest

from tests.support.documents import blocks, rows
from tests.support.server import ROOT

PAGE = ROOT / "docs" / "capacity.md"
SAID = {row[0]: f"{row[1]} {row[2]}" for row in rows(PAGE) if len(row) == 3}
MEASURED = {row[0]: row[1] for row in rows(ROOT / "README.md") if len(row) > 3}


@pytest.mark.parametrize(
    ("said", "measured"),
    [
        ("a worker with a bare application, private memory", "of it private, KiB"),
        ("an idle connection", "an idle connection, bytes"),
        ("a short request of the server's own", "hello, keep-alive"),
        ("a Flask hello", "Flask hello"),
        ("a start to the first answer, bare", "start to first answer, ms"),
    ],
)
def test_the_figure_is_the_measured_one(said: str, measured: str) -> None:
    assert SAID[said].split(" ")[0] == MEASURED[measured]


def test_the_rate_is_the_measured_one() -> None:
    """That of Flask, which is in the long table alone."""
    page = rows(ROOT / "docs" / "performance.md")
    rates = {row[2] for row in page if row[0] == "winghorn" and row[1] == MEASURED["Flask hello"]}
    said = {word for word in SAID["a Flask hello"].split() if word.isdigit()}
    assert said
    assert said <= rates


def test_the_example_says_the_same_twice() -> None:
    """As a file and as a command line."""
    (file,) = [one.text for one in blocks(PAGE) if one.kind == "python"]
    (line,) = [one.text.split()[2:] for one in blocks(PAGE) if one.kind == "sh"]
    options = dict(zip(line[::2], line[1::2], strict=True))
    settings = dict(one.split(" = ") for one in file.splitlines())
    assert {f"--{name.replace('_', '-')}": value for name, value in settings.items()} == options
