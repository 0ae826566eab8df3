# SPDX-License-Identifier: MIT
"""The command ``gunicorn``, and ``python -m gunicorn``."""

import sys

import winghorn
from gunicorn import __version__
from winghorn.cli import main as winghorn_main


def main() -> int:
    """Run the server; returns the exit status."""
    version = f"{__version__}, by winghorn {winghorn.__version__}"
    return winghorn_main(prog="gunicorn", version=version)


if __name__ == "__main__":
    sys.exit(main())
