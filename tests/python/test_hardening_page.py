# SPDX-License-Identifier: MIT
"""docs/hardening.md names every limit and clock that there is, with its default."""

from __future__ import annotations

from pathlib import Path

from tests.support.documents import blocks, rows
from tests.support.server import ROOT, run_to_end
from winghorn import _core

PAGE = ROOT / "docs" / "hardening.md"
SECTIONS = {"Security", "Clocks and Buffers", "Request Deadlines"}


def test_every_limit_is_there_with_its_default() -> None:
    """None is missing, none is left over, none has another default."""
    written = {row[0]: row[1] for row in rows(PAGE) if row[0].startswith("`")}
    real = {
        f"`{one['name']}`": f"`{one['default']}`"
        for one in _core.settings()
        if one["section"] in SECTIONS and one["works"]
    }
    assert written == real


def test_the_example_is_accepted(tmp_path: Path) -> None:
    """The configuration, by the command that stands below it."""
    (tmp_path / "app.py").write_text("def application(environ, start_response): ...\n")
    found = blocks(PAGE)
    (config,) = [one.text for one in found if one.kind == "python"]
    (command,) = [one.text.split() for one in found if one.kind == "sh"]
    (tmp_path / "winghorn.conf.py").write_text(config)
    assert command[0] == "winghorn"
    ended = run_to_end(*command[1:], cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
