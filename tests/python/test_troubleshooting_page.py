# SPDX-License-Identifier: MIT
"""Each text that docs/troubleshooting.md explains is one that the program really says."""

from __future__ import annotations

import re

import pytest

from tests.support.documents import rows
from tests.support.server import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
TEXTS = [row[0].strip("`") for row in rows(PAGE) if row[0].startswith("`")]
# What the two languages put between the pieces of one text, and what stands for a value.
_SEAM = re.compile(r'"\s*\n\s*[fr]?"')
_VALUE = re.compile(r"\{[^{}\n]*\}|%[sd]")


def said_by_the_program() -> str:
    files = [*ROOT.glob("src/**/*.cc"), *ROOT.glob("src/**/*.h"), *ROOT.glob("python/**/*.py")]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return _VALUE.sub("{}", _SEAM.sub("", source))


SOURCE = said_by_the_program()


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_is_in_the_source(text: str) -> None:
    assert text in SOURCE


def test_no_text_is_explained_twice() -> None:
    assert len(TEXTS) == len(set(TEXTS)) > 0


def test_what_is_in_no_source_is_not_found() -> None:
    """The search above is not one that finds everything."""
    assert "Reload failed because of {}" not in SOURCE
