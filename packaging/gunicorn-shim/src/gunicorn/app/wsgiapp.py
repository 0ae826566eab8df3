# SPDX-License-Identifier: MIT
"""``WSGIApplication`` and the command, as a function."""

from __future__ import annotations

import sys
from typing import ClassVar, NoReturn

import winghorn
from gunicorn import __version__
from winghorn.app import wsgiapp
from winghorn.app.wsgiapp import WSGIApplication

__all__ = ["WSGIApplication", "run"]


class _Command(WSGIApplication):
    version: ClassVar[str] = f"{__version__}, by winghorn {winghorn.__version__}"


def run(prog: str | None = None) -> NoReturn:
    """The command; `prog` is what it calls itself.

    It runs by the class: who has replaced methods of that, as tools that measure do, is called.
    """
    sys.exit(wsgiapp.run_class(_Command, prog))


if __name__ == "__main__":
    run()
