# SPDX-License-Identifier: MIT
"""What stands in the documents: their code blocks and the rows of their tables.

A shell block that no test can run has `<!-- not run: WHY -->` on the line before it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
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
