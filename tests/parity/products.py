# SPDX-License-Identifier: MIT
"""The two programs, and gunicorn's newest release in a virtualenv of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import environment

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
# With what scenarios need beside it.
PACKAGES = ("gunicorn", "PasteDeploy")


class MissingProduct(Exception):
    """A program that cannot be had; the text says why."""


@dataclass(frozen=True)
class Product:
    """A program under comparison. `command` starts it, `python` has it as a package.

    `serving`: options to switch off, when it serves, what the other one cannot do yet. `threads`:
    so many has a worker that serves, at least.
    """

    name: str
    command: tuple[str, ...]
    python: str
    serving: tuple[str, ...] = ()
    threads: int = 1

    def named(self, text: str) -> str:
        """`text` of a scenario, with this program's name in it."""
        return text.replace("PRODUCT", self.name)

    def environment(self, more: Mapping[str, str], folder: Path) -> dict[str, str]:
        """Ours, without what would change defaults, with a home of its own."""
        env = environment({"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"})
        # As a shell that has changed to the folder would say it.
        env |= {"PWD": str(folder), "PARITY_FOLDER": str(folder), "COLUMNS": "200"}
        env.pop("XDG_RUNTIME_DIR", None)
        env.pop("PYTHONPATH", None)
        return env | {self.named(key): self.named(value) for key, value in more.items()}


def winghorn() -> Product:
    """This tree's program, started as an installed one is."""
    script = Path(sys.executable).parent / "winghorn"
    if not script.exists():
        raise MissingProduct(f"{script} is not there: tools/setup makes it")
    # The main thread, the watchdog and the log.
    return Product("winghorn", (str(script),), sys.executable, threads=3)


def gunicorn(say: Callable[[str], None]) -> Product:
    """gunicorn's newest release, installed or renewed first.

    Raises MissingProduct when there is none. Where the index cannot be reached, the release of
    the last time serves.
    """
    python = VENV / "bin" / "python"
    script = VENV / "bin" / "gunicorn"
    if not python.exists():
        say(f"making {VENV.relative_to(ROOT)}")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--upgrade"]
    command += ["--disable-pip-version-check", "--no-input", *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 and not script.exists():
        raise MissingProduct(f"gunicorn cannot be installed:\n{done.stderr}")
    if done.returncode != 0:
        say("the package index cannot be asked; gunicorn stays as it was installed")
    return Product("gunicorn", (str(script),), str(python), ("--no-control-socket",))


def version_of(product: Product) -> str:
    """What the program says of its version."""
    done = subprocess.run(
        [*product.command, "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=product.environment({}, Path(os.sep)),
    )
    return done.stdout.strip()
