# SPDX-License-Identifier: MIT
"""Applications that a PasteDeploy file describes: the setting ``paste``, ``FILE[#SECTION]``.

PasteDeploy is imported by those who use this, in their workers, and by nobody else.
"""

from __future__ import annotations

import configparser
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from winghorn.app_loader import WORKER_FAILED_TO_BOOT, Application, BootError, check
from winghorn.tracebacks import user_traceback

if TYPE_CHECKING:
    from winghorn._core import Given, Settings


def load(settings: Settings) -> Application:
    """The application of the setting ``paste``. Raises BootError."""
    application = load_uri(f"config:{settings.paste}", None, settings.paste_global_conf)
    check(application, f"{settings.paste!r} describes", settings.worker_class)
    return application


def load_uri(uri: str, name: str | None, variables: dict[str, str]) -> Application:
    """What PasteDeploy makes of ``config:FILE[#SECTION]`` or ``egg:NAME``. Raises BootError."""
    try:
        loadapp = importlib.import_module("paste.deploy").loadapp
    except ImportError as error:
        raise BootError(
            WORKER_FAILED_TO_BOOT,
            f"PasteDeploy files need the package PasteDeploy: pip install PasteDeploy ({error})",
        ) from None
    try:
        found: Application = loadapp(
            uri, name=name, relative_to=str(Path.cwd()), global_conf=variables or None
        )
    except (Exception, SystemExit) as error:
        raise BootError(WORKER_FAILED_TO_BOOT, user_traceback(error, __file__)) from None
    return found


def has_logging_config(file: str) -> bool:
    """Whether the file configures Python's logging too: it has a section ``[loggers]``."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read([file])
    except (configparser.Error, UnicodeDecodeError):  # whoever loads the application says it better
        return False
    return parser.has_section("loggers")


def with_logging(given: list[Given], directory: str) -> list[Given]:
    """`given` (in ascending precedence) with the paste file as ``logconfig`` where it is one.

    Every other source of ``logconfig`` outdoes it. Paths are relative to `directory`.
    """
    named: Any = None
    for name, value, _, _ in given:
        named = value if name == "paste" else named
    if not isinstance(named, str):
        return given
    file = str(Path(directory) / named.strip().partition("#")[0])
    if not has_logging_config(file):
        return given
    return [("logconfig", file, "config file", file), *given]
