# SPDX-License-Identifier: MIT
"""gunicorn's names, for what was written for it; the server is Winghorn.

``__version__`` is the version of gunicorn whose names these are.
"""

from __future__ import annotations

import sys
import types
import warnings
from typing import Any

import winghorn
from gunicorn import missing

version_info = (27, 0, 1)
__version__ = ".".join(str(part) for part in version_info)
SERVER = "winghorn"
SERVER_SOFTWARE = f"{SERVER}/{winghorn.__version__}"


class _Package(types.ModuleType):
    """Configurations set SERVER and SERVER_SOFTWARE to hide the server; that is not forgotten."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in {"SERVER", "SERVER_SOFTWARE"}:
            warnings.warn(f"gunicorn.{name} has no effect in winghorn", stacklevel=2)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
missing.install()
