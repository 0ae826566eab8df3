# SPDX-License-Identifier: MIT
"""The tables beside the scenarios: differences that are meant, and what has no scenario yet.

documented.toml   [[difference]]  scenario (a pattern), parts, words (in docs/differences.md), and
                                  lines: patterns, of which each line that differs matches one
                  [[bug]]         scenario (a pattern), parts, what: counts as a difference
waits.toml        [[waits]]       section, what, settings, reason
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

from tests.parity.normalise import HIDING
from tests.parity.products import HERE, ROOT

DIFFERENCES = ROOT / "docs" / "differences.md"
DOCUMENTED = HERE / "documented.toml"
WAITS = HERE / "waits.toml"


class BadTable(Exception):
    """A table of this folder that is not well-formed; the text says where."""


@dataclass(frozen=True)
class Difference:
    """One entry. `words` stand in docs/differences.md; a bug has none but says what it is.

    With `lines` it explains these alone: one that is gunicorn's begins with "-", one of ours "+".
    """

    scenario: str
    parts: tuple[str, ...]
    words: str
    bug: bool
    lines: tuple[str, ...] = ()

    def covers(self, scenario: str, part: str) -> bool:
        """Whether it speaks of this part of this scenario."""
        return any(fnmatchcase(part, p) for p in self.parts) and fnmatchcase(
            scenario, self.scenario
        )

    def explains(self, theirs: str, ours: str) -> bool:
        """Whether the two texts differ as it says."""
        found = difflib.ndiff(theirs.splitlines(), ours.splitlines())
        lines = [f"{line[0]}{line[2:]}" for line in found if line[0] in "-+"]
        return not self.lines or all(
            any(re.fullmatch(pattern, line) for pattern in self.lines) for line in lines
        )


@dataclass(frozen=True)
class Waits:
    """What has no scenario yet, and why."""

    section: str
    what: str
    settings: tuple[str, ...]
    reason: str


def page() -> str:
    """docs/differences.md with each run of white space as one space."""
    return re.sub(r"\s+", " ", DIFFERENCES.read_text())


def differences(text: str | None = None) -> list[Difference]:
    """The entries of documented.toml. Raises BadTable."""
    table = tomllib.loads(DOCUMENTED.read_text() if text is None else text)
    _only(table, {"difference", "bug"}, "documented.toml")
    found = []
    for kind, words in (("difference", "words"), ("bug", "what")):
        for row in table.get(kind, []):
            lines = tuple(row.pop("lines", ()))
            _complete(row, {"scenario", "parts", words}, f"[[{kind}]]")
            parts = tuple(row["parts"])
            found.append(Difference(row["scenario"], parts, row[words], kind == "bug", lines))
    return found


def waits(text: str | None = None) -> list[Waits]:
    """The entries of waits.toml. Raises BadTable."""
    table = tomllib.loads(WAITS.read_text() if text is None else text)
    _only(table, {"waits"}, "waits.toml")
    found = []
    for row in table.get("waits", []):
        row.setdefault("settings", [])
        _complete(row, {"section", "what", "settings", "reason"}, "[[waits]]")
        found.append(Waits(row["section"], row["what"], tuple(row["settings"]), row["reason"]))
    return found


def undocumented(entries: Iterable[Difference], text: str) -> list[str]:
    """Words that should stand in the page `text` and do not."""
    wanted = {entry.words for entry in entries if not entry.bug} | set(HIDING.values())
    return sorted(words for words in wanted if words not in text)


def without_scenario(entries: Iterable[Difference], scenarios: Iterable[str]) -> list[str]:
    """Patterns that no scenario's name matches."""
    names = list(scenarios)
    patterns = {entry.scenario for entry in entries}
    return sorted(p for p in patterns if not any(fnmatchcase(name, p) for name in names))


def _only(table: dict[str, Any], allowed: set[str], where: str) -> None:
    if unknown := set(table) - allowed:
        raise BadTable(f"{where}: unknown tables {sorted(unknown)}")


def _complete(row: dict[str, Any], wanted: set[str], where: str) -> None:
    if set(row) != wanted:
        raise BadTable(f"{where}: {row} should have {sorted(wanted)} and nothing else")
    for name, value in row.items():
        if not value and name != "settings":
            raise BadTable(f"{where}: {row} has an empty {name}")


def folder_of(path: Path) -> str:
    """A path as messages name it."""
    return str(path.relative_to(ROOT))
