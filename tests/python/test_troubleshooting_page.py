# SPDX-License-Identifier: MIT
"""Each text that docs/troubleshooting.md explains is one that the program really says."""

from __future__ import annotations

import pytest

from tests.support.documents import rows
from tests.support.server import ROOT
from tests.support.source_texts import joined, source_files, with_values_as_braces

PAGE = ROOT / "docs" / "troubleshooting.md"
TEXTS = [row[0].strip("`") for row in rows(PAGE) if row[0].startswith("`")]
SOURCE = with_values_as_braces("\n".join(joined(file) for file in source_files()))


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_is_in_the_source(text: str) -> None:
    assert text in SOURCE


def test_no_text_is_explained_twice() -> None:
    assert len(TEXTS) == len(set(TEXTS)) > 0


def test_what_is_in_no_source_is_not_found() -> None:
    """The search above is not one that finds everything."""
    assert "Reload failed because of {}" not in SOURCE
