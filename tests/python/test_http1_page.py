# SPDX-License-Identifier: MIT
"""docs/http1.md names every difference to llhttp that the fuzz target allows, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = re.compile(r'(?:Stricter|Laxer)\{\s*(?:"((?:[^"\\]|\\.)*)"|(HPE_\w+)),\s*"([^"]*)"\s*\}')
ROW = re.compile(r"^\| `(.+?)` \| (.+) \|$", re.MULTILINE)


def test_every_allowed_difference_is_on_the_page() -> None:
    """The page's two tables are the code's."""
    code = (ROOT / "fuzz" / "llhttp_difference_fuzz.cc").read_text(encoding="utf-8")
    allowed = {((a or b).strip(), why) for a, b, why in ALLOWED.findall(code)}
    page = (ROOT / "docs" / "http1.md").read_text(encoding="utf-8")
    tables = page[page.index("## Where llhttp reads a request differently") :]
    assert set(ROW.findall(tables)) == allowed
    assert len(allowed) > 20
