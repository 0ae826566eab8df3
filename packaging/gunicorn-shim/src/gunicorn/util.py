# SPDX-License-Identifier: MIT
"""Of gunicorn's helpers those that others import."""

from __future__ import annotations

import importlib
from email.utils import formatdate
from typing import Any

from gunicorn import missing
from gunicorn.errors import AppImportError
from gunicorn.workers import SUPPORTED_WORKERS
from winghorn import app_loader
from winghorn.cli import start_directory
from winghorn.config import parse_address
from winghorn.worker_classes import BY_NAME

__all__ = ["getcwd", "http_date", "import_app", "load_class", "parse_address"]

getcwd = start_directory


def import_app(module: str) -> Any:
    """What MODULE[:EXPR] names. Raises AppImportError when it is not there, or cannot be called."""
    try:
        found = app_loader.find(module)
    except app_loader.BootError as error:
        raise AppImportError(error.text) from error
    if not callable(found):
        raise AppImportError("Application object must be callable.")
    return found


def http_date(timestamp: float | None = None) -> str:
    """A time, or now, as HTTP has it."""
    return formatdate(timestamp, localtime=False, usegmt=True)


def load_class(
    uri: Any, default: str = "gunicorn.workers.sync.SyncWorker", section: str = "gunicorn.workers"
) -> Any:
    """The class that is meant: itself, a worker class by name, or MODULE.CLASS.

    Raises RuntimeError when it cannot be loaded.
    """
    if isinstance(uri, type):
        return uri
    path = str(uri or default)
    if section == "gunicorn.workers":
        path = path.removeprefix("egg:gunicorn#").lstrip("#")
        if path in SUPPORTED_WORKERS:
            return BY_NAME[path]
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RuntimeError(f"class uri {uri!r} invalid or not found: {error}") from error


__getattr__ = missing.names(
    __name__,
    {
        "chown",
        "close",
        "close_on_exec",
        "daemonize",
        "is_hoppish",
        "reraise",
        "set_non_blocking",
        "set_owner_process",
        "unlink",
        "write",
        "write_chunk",
        "write_error",
        "write_nonblock",
    },
)
