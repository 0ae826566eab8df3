# SPDX-License-Identifier: MIT
"""Winghorn: an application server for Python web applications.

``winghorn MODULE:APPLICATION`` starts it; ``winghorn --help`` lists what can be set.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["RequestTimeout", "TimeoutExpired", "TimeoutMiddleware", "__version__", "timeout"]

if TYPE_CHECKING:
    from winghorn._core import RequestTimeout, TimeoutExpired
    from winghorn.timeouts import TimeoutMiddleware, timeout

__version__: str

_HOMES = {
    "RequestTimeout": "winghorn._core",
    "TimeoutExpired": "winghorn._core",
    "TimeoutMiddleware": "winghorn.timeouts",
    "__version__": "winghorn._core",
    "timeout": "winghorn.timeouts",
}


def __getattr__(name: str) -> Any:
    # The extension is loaded only by those who ask: winghorn.demo works without it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found
