# SPDX-License-Identifier: MIT
"""``WSGIApplication`` and the command, as a function."""

from __future__ import annotations

import sys
from typing import NoReturn

from gunicorn.__main__ import main
from winghorn.app import wsgiapp
from winghorn.app.wsgiapp import WSGIApplication

__all__ = ["WSGIApplication", "run"]


def run(prog: str | None = None) -> NoReturn:
    """The command; `prog` is what it calls itself."""
    if prog is None:
        sys.exit(main())
    wsgiapp.run(prog)


if __name__ == "__main__":
    run()
