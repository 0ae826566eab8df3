# SPDX-License-Identifier: MIT
"""The configuration as hooks see it: ``server.cfg`` and ``worker.cfg``, gunicorn's ``Config``.

Values are checked by the settings table before a Config is made, and do not change afterwards.
Functions are the objects that the config file gave; all else is plain data.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from winghorn import _core

if TYPE_CHECKING:
    from winghorn._core import Given, SettingRow, Settings

Hook = Callable[..., Any]
CODE = (types.FunctionType, classmethod, staticmethod, property)
# post_request was given fewer arguments once, and functions that take fewer still work.
FEWEST_ARGUMENTS = {"post_request": 2}


class Setting:
    """One setting with its value: what ``cfg.settings[name]`` is."""

    def __init__(self, name: str, section: str, value: Any) -> None:
        self.name = name
        self.section = section
        self.value = value

    def __init_subclass__(cls) -> None:
        raise TypeError(f"{cls.__name__}: winghorn has no settings but its own")

    def get(self) -> Any:
        """The value."""
        return self.value

    @property
    def cli(self) -> list[str] | None:
        """Its options; None: it has none."""
        return rows()[self.name]["flags"] or None

    @property
    def desc(self) -> str:
        """What it is for."""
        return rows()[self.name]["help"]

    @property
    def default(self) -> Any:
        """The value where nothing gives it one; a hook's is None."""
        return _defaults()[self.name]


class Config:
    """The settings as attributes, under gunicorn's names.

    An unknown name raises AttributeError, and so does setting one.
    """

    settings: dict[str, Setting]

    def __init__(self, made: Settings, values: Mapping[str, Any]) -> None:
        known = rows()
        settings = {
            name: Setting(name, known[name]["section"], value) for name, value in values.items()
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

    def __str__(self) -> str:
        return _core.print_config(self._resolved())

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
    def address(self) -> list[str | int | tuple[str, int]]:
        """bind, taken apart."""
        return [parse_address(one) for one in self.settings["bind"].value]

    @property
    def sendfile(self) -> bool:
        """Whether files may be sent by sendfile; off only where somebody has said so."""
        value = self.settings["sendfile"].value
        return True if value is None else bool(value)

    @property
    def paste_global_conf(self) -> dict[str, str] | None:
        """raw_paste_global_conf, taken apart; None: there is nothing in it."""
        return self._resolved().paste_global_conf or None

    @property
    def env(self) -> dict[str, str]:
        """raw_env, taken apart."""
        return self._resolved().environment

    @property
    def statsd_host(self) -> str | tuple[str, int] | None:
        """Where statsd listens: host and port, or a Unix socket's path."""
        return self._resolved().statsd_address

    @property
    def is_ssl(self) -> bool:
        """Whether TLS is spoken."""
        return bool(self.settings["certfile"].value or self.settings["keyfile"].value)


def config_of(settings: Settings, given: Iterable[Given]) -> Config:
    """What `settings` were made of: `given`, in ascending precedence, holds the functions."""
    values = settings.values()
    values.update(dict.fromkeys(_hook_rows()))
    known = rows()
    for name, value, _, _ in given:
        if name in known and known[name]["kind"] in {"callable", "object"}:
            values[name] = value
    return Config(settings, values)


@functools.cache
def rows() -> dict[str, SettingRow]:
    """The settings table, by name."""
    return {row["name"]: row for row in _core.settings()}


@functools.cache
def _defaults() -> dict[str, Any]:
    made = _core.make_settings([], "/", "", [])
    return made.values() | dict.fromkeys(_hook_rows())


@functools.cache
def _hook_rows() -> dict[str, SettingRow]:
    return {name: row for name, row in rows().items() if row["kind"] == "callable"}


def parse_address(netloc: str, default_port: str = "8000") -> str | int | tuple[str, int]:
    """An address to bind: a Unix socket's path, a descriptor, or host and port (gunicorn's form).

    Raises RuntimeError for a port that is none.
    """
    scheme, colon, rest = netloc.partition(":")
    if colon and scheme == "unix":
        return rest.removeprefix("//")
    if netloc.startswith("fd://"):
        return int(netloc.removeprefix("fd://"))
    netloc = netloc.removeprefix("tcp://")
    host, bracket, tail = netloc.rpartition("]")
    if bracket:
        host, port = host.lstrip("["), tail.lstrip(":")
    else:
        host, _, port = netloc.partition(":")
    try:
        return (host or "0.0.0.0").lower(), int(port or default_port)
    except ValueError:
        raise RuntimeError(f"{port!r} is not a valid port number.") from None


# ---- what only Python can judge: functions and classes


def with_functions(given: Iterable[Given]) -> Iterator[Given]:
    """`given` with hooks as functions, and worker classes by their names.

    What is neither becomes an exception that says why; the settings' check refuses it with that.
    """
    hooks = _hook_rows()
    for name, value, origin, where in given:
        if name in hooks:
            yield name, _function(value, hooks[name]), origin, where
        elif name == "worker_class" and isinstance(value, type):
            yield name, _worker_class(value), origin, where
        else:
            yield name, value, origin, where


def _worker_class(given: type) -> str | TypeError:
    """The name by which the table knows the class; see winghorn.worker_classes."""
    full_name = f"{given.__module__}.{given.__qualname__}"
    name = getattr(given, "served_by", None)
    if not isinstance(name, str):
        return full_name
    own = itertools.takewhile(lambda base: "served_by" not in vars(base), given.__mro__)
    methods = [key for base in own for key, value in vars(base).items() if isinstance(value, CODE)]
    if not methods:
        return name
    return TypeError(
        f"worker class {full_name!r} has methods of its own ({', '.join(methods)}), and nobody "
        "would call them: a worker's work is the engine's here. What is called are hooks, "
        "as post_fork, post_worker_init and pre_request"
    )


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
