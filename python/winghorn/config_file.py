# SPDX-License-Identifier: MIT
"""Finding and executing the config file, which is Python.

What a file says is handed on as it is: which names are settings and what they may hold is decided
by the settings table alone.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

from winghorn._core import SettingsError
from winghorn.fork_safety import new_threads, thread_count
from winghorn.tracebacks import user_traceback

DEFAULT_FILES = ("./winghorn.conf.py", "./gunicorn.conf.py")
MODULE_NAME = "__config__"


@dataclass(frozen=True)
class ConfigFile:
    """What was read, under which name, and what was odd about it."""

    name: str = ""
    values: dict[str, object] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def find(location: str | None, directory: str) -> str | None:
    """The config file to read: the one that was named, else a default one that exists."""
    if location is not None and location.strip():
        return location.strip()
    for name in DEFAULT_FILES:
        if (Path(directory) / name).is_file():
            return name
    return None


def read(location: str, directory: str, whence: str) -> ConfigFile:
    """Execute PATH, file:PATH or python:MODULE; `whence` says who named it, for the complaint.

    Raises SettingsError: it does not exist, or executing it failed.
    """
    threads = thread_count()
    warnings: list[str] = []
    if location.startswith("python:"):
        module = _import(location.removeprefix("python:"))
    else:
        name = location.removeprefix("file:")
        path = Path(directory) / name
        if not path.is_file():
            raise SettingsError(f"{name!r} doesn't exist (setting 'config', from {whence})")
        if path.suffix not in {".py", ".pyc"}:
            warnings.append(f"config file {location!r} has no Python extension (.py)")
        module = _execute(path, location)
    warnings += new_threads(threads, f"config file {location!r}")
    values = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    return ConfigFile(location, values, warnings)


def _import(name: str) -> types.ModuleType:
    try:
        if name in sys.modules:  # a reload is to see what the file says now
            return importlib.reload(sys.modules[name])
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise SettingsError(f"{error} (setting 'config', from python:{name})") from None
        raise _failure(f"python:{name}", error) from None
    except (Exception, SystemExit) as error:
        raise _failure(f"python:{name}", error) from None


def _execute(path: Path, location: str) -> types.ModuleType:
    module = types.ModuleType(MODULE_NAME)
    module.__file__ = str(path.resolve())
    sys.modules[MODULE_NAME] = module
    try:
        exec(_code(path), module.__dict__)
    except (Exception, SystemExit) as error:
        raise _failure(location, error) from None
    return module


def _code(path: Path) -> types.CodeType:
    # Not through the import system: its cache knows a file by its second and its size, so an edit
    # followed by a quick reload could be missed.
    if path.suffix == ".pyc":
        loader = importlib.machinery.SourcelessFileLoader(MODULE_NAME, str(path))
        code = loader.get_code(MODULE_NAME)
        if code is None:
            raise ImportError(f"{path} holds no code")
        return code
    return compile(path.read_bytes(), str(path.resolve()), "exec", dont_inherit=True)


def _failure(location: str, error: BaseException) -> SettingsError:
    text = user_traceback(error, __file__).rstrip()
    return SettingsError(f"Failed to read config file: {location}\n{text}")
