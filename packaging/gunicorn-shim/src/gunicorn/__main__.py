# SPDX-License-Identifier: MIT
"""The command ``gunicorn``, and ``python -m gunicorn``."""

from gunicorn.app.wsgiapp import run


def main() -> None:
    """Run the server; ends the program with its exit status."""
    run("gunicorn")


if __name__ == "__main__":
    main()
