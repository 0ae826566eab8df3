# SPDX-License-Identifier: MIT
"""The configuration as hooks see it: ``server.cfg`` and ``worker.cfg``, gunicorn's ``Config``.

Values are checked by the settings table before a Config is made, and do not change afterwards.
Functions are the objects that the config file gave; all else is plain data.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from winghorn import _core

if TYPE_CHECKING:
    from winghorn._core import Given, SettingRow, Settings

Hook = Callable[..., Any]
# post_request was given fewer arguments once, and functions that take fewer still work.
FEWEST_ARGUMENTS = {"post_request": 2}


class Setting:
    """One setting with its value: what ``cfg.settings[name]`` is."""

    def __init__(self, name: str, section: str, value: Any) -> None:
        self.name = name
        self.section = section
        self.value = value

    def get(self) -> Any:
        """The value."""
        return self.value


class Config:
    """The settings as attributes, under gunicorn's names.

    An unknown name raises AttributeError, and so does setting one.
    """

    settings: dict[str, Setting]

    def __init__(self, made: Settings, values: Mapping[str, Any]) -> None:
        rows = _rows()
        settings = {
            name: Setting(name, rows[name]["section"], value) for name, value in values.items()
        }
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "made", made)

    def _resolved(self) -> Settings:
        """What the values come to."""
        made: Settings = self.__dict__["made"]
        return made

    def __getattr__(self, name: str) -> Any:
        if name == "settings" or name not in self.settings:  # also while it is unpickled
            raise AttributeError(f"No configuration setting for: {name}")
        return self.settings[name].get()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("Invalid access!")

    @property
    def worker_class_str(self) -> str:
        """The worker class as the log names it: gthread where threads made it one."""
        return self._resolved().worker_class

    @property
    def uid(self) -> int:
        """The user that workers run as, by number."""
        return int(self.settings["user"].value)

    @property
    def gid(self) -> int:
        """The group that workers run as, by number."""
        return int(self.settings["group"].value)

    @property
    def proc_name(self) -> str:
        """proc_name, or what stands in for it."""
        return self._resolved().proc_name

    @property
    def sendfile(self) -> bool:
        """Whether files may be sent by sendfile; it is off only where somebody has said so."""
        value = self.settings["sendfile"].value
        return True if value is None else bool(value)

    @property
    def env(self) -> dict[str, str]:
        """raw_env, taken apart."""
        return self._resolved().environment

    @property
    def is_ssl(self) -> bool:
        """Whether TLS is spoken."""
        return bool(self.settings["certfile"].value or self.settings["keyfile"].value)


def config_of(settings: Settings, given: Iterable[Given]) -> Config:
    """What `settings` were made of: `given`, in ascending precedence, holds the functions."""
    values = settings.values()
    functions = _hook_rows()
    values.update(dict.fromkeys(functions))
    values.update((name, value) for name, value, _, _ in given if name in functions)
    return Config(settings, values)


@functools.cache
def _rows() -> dict[str, SettingRow]:
    return {row["name"]: row for row in _core.settings()}


@functools.cache
def _hook_rows() -> dict[str, SettingRow]:
    return {name: row for name, row in _rows().items() if row["kind"] == "callable"}


# ---- hooks, from what the config file says to functions


def with_functions(given: Iterable[Given]) -> Iterator[Given]:
    """`given` with hooks as functions.

    One that is none becomes an exception that says why; the settings' check refuses it with that.
    """
    rows = _hook_rows()
    for name, value, origin, where in given:
        yield name, (_function(value, rows[name]) if name in rows else value), origin, where


def _function(value: object, row: SettingRow) -> object:
    try:
        found = _import(value) if isinstance(value, str) else value
        if not callable(found):
            raise TypeError(f"Value is not callable: {found}")
        _check_arity(found, row)
    except Exception as error:
        return error
    return found


def _import(path: str) -> object:
    module, dot, name = path.strip().rpartition(".")
    if not dot or not module or not name:
        raise TypeError(
            f"Value {path!r} is not import string. Format: module[.submodules...].object"
        )
    found = importlib.import_module(module)
    if not hasattr(found, name):
        raise TypeError(f"Can not load {name!r} from {module!r}")
    return getattr(found, name)


def _check_arity(function: Hook, row: SettingRow) -> None:
    most = row["arity"]
    fewest = FEWEST_ARGUMENTS.get(row["name"], most)
    if not fewest <= positional_count(function) <= most:
        raise TypeError(f"Value must have an arity of: {most}")


def positional_count(function: Hook) -> int:
    """How many positional parameters `function` has; ``*args`` do not count (gunicorn's rule)."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return sum(1 for parameter in parameters if parameter.kind in kinds)
