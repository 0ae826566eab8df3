# SPDX-License-Identifier: MIT
"""What gunicorn has and Winghorn has not: its import is an ImportError that says so."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

PREFIX = "gunicorn."
WORKERS = "gunicorn.workers."


class Finder(importlib.abc.MetaPathFinder):
    """Asked last: whoever comes here has not been found anywhere."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Raises ModuleNotFoundError for modules of gunicorn; others are not ours to judge."""
        if fullname.startswith(PREFIX):
            raise ModuleNotFoundError(why(fullname), name=fullname)
        return None


def install() -> None:
    """Be asked for modules from now on."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())


def why(name: str) -> str:
    """The sentence about a module, or a name of one."""
    if name.startswith(WORKERS):
        return f"{name}: winghorn, which serves here as gunicorn, has the workers sync and gthread"
    return f"{name} is of gunicorn's own code; winghorn, which serves here as gunicorn, has no such"


def names(module: str, missing: set[str]) -> Callable[[str], Any]:
    """``__getattr__`` of a module that has others of gunicorn's names, but not `missing`."""

    def get(name: str) -> Any:
        if name in missing:
            raise ImportError(why(f"{module}.{name}"), name=module)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return get
