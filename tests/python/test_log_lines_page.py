# SPDX-License-Identifier: MIT
"""Each line that the program writes to its log is explained, and none that it does not write."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.documents import rows
from tests.support.server import ROOT
from tests.support.source_texts import joined, source_files, with_values_as_braces

PAGE = ROOT / "docs" / "logs.md"
BESIDES = ROOT / "docs" / "troubleshooting.md"

_LITERAL = r'"((?:[^"\\]|\\.)*)"'
# log::info("…"), log::say(level, fmt::format("…")), reports.error("…"), warn("setting", "…")
_CPLUSPLUS = re.compile(
    r"\b(?:log::(?:debug|info|warning|error|critical|say)|error|warn|tell"
    r"|reports\.(?:error|warning|debug))\((?:\"[a-z_]+\",\s*)?(?:[^;\"()]|\([^()\"]*\))*?(?:fmt::format\(\s*)?"
    + _LITERAL
)
_PYTHON = re.compile(rf"\blog\.(?:debug|info|warning|error|critical|exception)\(\s*{_LITERAL}")
# Methods of the Server object, which tell() calls: no lines.
_NAME = re.compile(r"[a-z_]+")


def lines_of_the_log() -> Iterator[str]:
    """What source files hand to the log, of each the first line."""
    for file in source_files():
        pattern = _PYTHON if file.suffix == ".py" else _CPLUSPLUS
        for text in pattern.findall(joined(file)):
            first = with_values_as_braces(text).partition("\\n")[0]
            if re.sub(r"[{}\W]", "", first) and not _NAME.fullmatch(first):
                yield first


def explained() -> list[str]:
    # Those of four cells: text, level, meaning, cure.
    own = [row[0] for row in rows(PAGE) if len(row) == 4]
    return [text.strip("`") for text in own if text.startswith("`")]


SOURCE = with_values_as_braces("\n".join(joined(file) for file in source_files()))
LINES = sorted(set(lines_of_the_log()))
EXPLAINED = explained()
ELSEWHERE = [row[0].strip("`") for row in rows(BESIDES) if row[0].startswith("`")]


@pytest.mark.parametrize("line", LINES)
def test_line_is_explained(line: str) -> None:
    assert any(line in text or text in line for text in [*EXPLAINED, *ELSEWHERE])


@pytest.mark.parametrize("text", EXPLAINED)
def test_what_is_explained_is_said(text: str) -> None:
    assert text in SOURCE


def test_nothing_is_explained_twice() -> None:
    assert len(EXPLAINED) == len(set(EXPLAINED)) > 50
    assert set(EXPLAINED).isdisjoint(ELSEWHERE)


def test_lines_are_found() -> None:
    """The search above finds what each language says in each of its ways."""
    assert {
        "Starting winghorn {}",
        "Handling signal: ",
        "Error handling request {}",
        "Worker reloading: {} modified",
    } <= set(LINES)
    assert len(LINES) > 80
