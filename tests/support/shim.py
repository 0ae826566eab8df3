# SPDX-License-Identifier: MIT
"""The package `gunicorn` of packaging/gunicorn-shim, from this tree."""

from __future__ import annotations

import os
import shlex
import sys

import pytest

from tests.support.server import ROOT

SHIM = ROOT / "packaging" / "gunicorn-shim" / "src"


def use_shim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is on the path, and `python -m gunicorn` is what `serve` starts."""
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = [str(SHIM), *(str(ROOT / one) for one in before if one)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("WINGHORN_TEST_COMMAND", shlex.join([sys.executable, "-m", "gunicorn"]))
