# SPDX-License-Identifier: MIT
"""The program's source as far as documents quote it: its files, and texts with `{}` for values."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.server import ROOT

# What the two languages put between the pieces of one text, and what stands for a value.
_SEAM = re.compile(r'"\s*\n\s*[fr]?"')
_VALUE = re.compile(r"\{[^{}\n]*\}|%[srd]")


def source_files() -> list[Path]:
    return [*ROOT.glob("src/**/*.cc"), *ROOT.glob("src/**/*.h"), *ROOT.glob("python/**/*.py")]


def joined(file: Path) -> str:
    """Its text, with each literal in one piece."""
    return _SEAM.sub("", file.read_text(encoding="utf-8"))


def with_values_as_braces(text: str) -> str:
    return _VALUE.sub("{}", text)
